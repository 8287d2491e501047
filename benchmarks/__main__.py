"""All benchmarks, one after the other: `python -m benchmarks` (takes an hour). Arguments go to `race`."""

from . import buffers, compile_time, memory, overhead, race

if __name__ == "__main__":
    for title, main in (
        ("A training step against hand-written NumPy and other libraries", race.main),
        ("Peak memory of a training step", memory.main),
        ("What recording costs", overhead.main),
        ("How long compiling takes", compile_time.main),
        ("An array that is written row by row", buffers.main),
    ):
        print(f"\n{title}\n")
        main()
