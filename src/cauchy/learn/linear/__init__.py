"""Linear models: least squares, ridge, lasso, elastic net, logistic regression."""
