"""How nano is made: synthetic programs, a tokenizer, a small Qwen3-MoE, its training and its honest evaluation.

`python -m qwen_nb.training data|tokenizer|train|eval|export` runs the steps one by one.
"""
