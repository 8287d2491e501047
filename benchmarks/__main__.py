"""All benchmarks, one after the other: `python -m benchmarks` (takes about ten minutes). Arguments go to `step`."""

from . import buffers, compile_time, memory, overhead, step

if __name__ == "__main__":
    for title, main in (
        ("A training step against hand-written NumPy and other libraries", step.main),
        ("Peak memory of a training step", memory.main),
        ("What recording costs", overhead.main),
        ("How long compiling takes", compile_time.main),
        ("An array that is written row by row", buffers.main),
    ):
        print(f"\n{title}\n")
        main()
