"""Neural networks as surrogates. The only modules of the core that know torch, and they import it when they train."""
