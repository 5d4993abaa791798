"""What parameters matter: numbers computed from finished trials, without pictures and without Optuna."""
