"""Records on disk, their upload to MLflow, and what repairs or deletes them."""
