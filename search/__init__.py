"""Hyperparameter search over small networks, in rooms: each imports only from those below it.

`cli`; `evaluation` and `reports`; `runner`; `workers`; `sync`; `study` (Optuna) and `tracking`
(MLflow), which do not know each other; `training`; `data`; `config`; `common`.
"""
