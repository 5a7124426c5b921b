"""Loading and asking a model changes nothing of the kernel that belongs to the user."""

import subprocess
import sys

import pytest

# Runs in a process of its own: pytest itself changes much of what is looked at.
_SCRIPT = """
import logging, os, random, signal, sys, warnings
import numpy as np
import torch, transformers, accelerate, huggingface_hub  # what importing them does is theirs
import transformers.models.qwen3_moe.modeling_qwen3_moe
from transformers.utils import logging as transformers_logging
random.seed(5)
torch.manual_seed(5)
torch.set_num_threads(1)

def state():
    loggers = [logging.getLogger(name) for name in (None, "transformers", "torch", "accelerate", "huggingface_hub")]
    return {
        "python random": random.getstate(),
        "numpy random": str(np.random.get_state()),
        "torch random": torch.random.get_rng_state().tolist(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "warning filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "loggers": [(logger.level, list(logger.handlers), logger.propagate, logger.disabled) for logger in loggers],
        "logging switched off": logging.root.manager.disable,
        "verbosity": transformers_logging.get_verbosity(),
        "progress bars": transformers_logging.is_progress_bar_enabled(),
        "progress hook": transformers_logging._tqdm_hook,
        "hub progress bars": huggingface_hub.utils.are_progress_bars_disabled(),
        "environment": dict(os.environ),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "path": list(sys.path),
        "hooks": (sys.excepthook, sys.displayhook, sys.stdout, sys.stderr),
    }

before = state()
import qwen_nb
model = qwen_nb.load("nano")
model.chat("What does this print?", sampling=qwen_nb.Sampling(temperature=1.0, max_tokens=10), thinking=3, trace=True)
stream = model.stream("What?", seed=1)
for _ in range(3):
    next(stream)
suspended = state()
stream.close()
model.generate_batch(["What?", "Why?"], sampling=qwen_nb.Sampling(max_tokens=5))
model.unload()
for moment, after in (("while a stream is open", suspended), ("at the end", state())):
    for name, value in before.items():
        assert after[name] == value, f"{name} changed {moment}: {value} -> {after[name]}"
"""


@pytest.mark.slow
def test_nothing_global_changes():
    ran = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""
