"""How gradients change weights: recipes, learning rates, optimizers."""
