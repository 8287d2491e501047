"""The programs, each with flags that make it short and words of what it then says."""

SHORT = {
    "logistic_regression": (["--iterations", "30"], "tumours it was not trained on"),
    "per_example": ([], "largest relative difference between any two of the four ways"),
    "activations": ([], "leaky_relu"),
    "linear_collapse": (["--iterations", "30"], "logistic regression"),
    "two_layer": (["--iterations", "30"], "on the examples it was trained on"),
    "hidden_sizes": (["--iterations", "30"], "90 to 90.5"),
    "initialisation": (["--iterations", "30"], "10 randn"),
    "mlp_digits": (["--hidden", "16", "--epochs", "2"], "held out; mistaken:"),
    "convnet_digits": (["--channels", "2", "--epochs", "2"], "held out; mistaken:"),
    "autoencoder": (["--hidden", "8", "--epochs", "2"], "nearest neighbours that are the same digit"),
    "char_rnn": (["--hidden", "8", "--length", "12", "--epochs", "2"], "bits a character"),
    "transformer": (["--width", "16", "--blocks", "1", "--length", "12", "--epochs", "2"], "bits a character"),
    "word2vec": (["--sentences", "500", "--epochs", "2"], "neighbours of one class"),
    "gaussian_process": (["--measurements", "60"], "lie in their 95 % band"),
    "kalman": (["--minutes", "50"], "root mean square error of the place"),
    "ode_fit": (["--data", "drawn"], "two of three counts lie within"),
    "second_order": (["--steps", "3"], "Newton-CG"),
    "custom_op": (["--epochs", "2"], "error beyond"),
    "check_backprop": (["--iterations", "30"], "with no mistakes: the cost is"),
}
