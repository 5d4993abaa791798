"""Fitted things without a policy: Gaussian process, acquisition functions, output transform."""
