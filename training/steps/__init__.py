"""What is computed: the training step, rematerialisation, validation."""
