"""Programs to read and to run: the lectures on the network with one hidden layer, and a shelf of other models.

The lectures, section by section:

==========================  =======================================================================
``logistic_regression``     one unit: its four derivatives, and what it can and cannot learn
``per_example``             the loop over examples, and the same without the loop
``activations``             the four activations and their derivatives
``linear_collapse``         why a non-linearity is needed
``two_layer``               the network with autograd; ``two_layer_manual`` is the same by hand
``hidden_sizes``            how many hidden units
``initialisation``          zero, small and large weights
==========================  =======================================================================

Each is run as ``python -m models.NAME`` (``--help`` says how). What they share: ``datasets``, ``training``
(gradient descent with a progress bar), ``likelihood`` (parameters with their standard errors), ``plotting``,
``terminal`` and ``cli``. In the lectures' programs arrays are laid out as there: **examples are columns**. ``figures``
lists all the programs, the shelf's too, and draws the picture of each.
"""

import os

# One thread of BLAS: the arrays here are small, so that it is faster, and sums, hence pictures, are the same whatever
# the number of cores. (It is read when NumPy is first imported.)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
