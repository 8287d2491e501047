"""The lectures on the network with one hidden layer, section by section, runnable and tested.

In the order of the lectures:

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
(gradient descent with a progress bar), ``plotting`` and ``cli``. Arrays are laid out as in the lectures:
**examples are columns**.
"""
