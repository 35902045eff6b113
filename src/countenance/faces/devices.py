"""Which device makes the templates: in which order devices are tried, what is asked of one, what was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

CPU = "cpu"
AUTO = "auto"
CPU_PROVIDER = "CPUExecutionProvider"

ALONE = 8
"""Faces of one photo that the CPU is given in one run, at most. More gain nothing there, and cost memory."""

TOGETHER = 64
"""Faces that an accelerator is given in one run, at most."""

LEAST_AGREEMENT = 0.9999
"""The cosine that an accelerator's template and the CPU's of the same face have at least, or it is not used."""

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One way of ONNX Runtime to use something else than the CPU.

    Attributes:
        provider: its execution provider.
        options: settings of that provider.
        by_itself: whether `auto` takes it.
    """

    provider: str
    options: dict[str, str]
    by_itself: bool = True


ACCELERATORS = {
    # Sums in 32 bits: TF32 rounds what is multiplied to 10 bits. All algorithms would be tried for
    # each new batch size otherwise.
    "cuda": Accelerator(
        provider="CUDAExecutionProvider",
        options={"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
    ),
    "coreml": Accelerator(provider="CoreMLExecutionProvider", options={}),
    "directml": Accelerator(provider="DmlExecutionProvider", options={}),
    # On a CPU one OpenVINO would stand where each photo worker has its own ONNX Runtime, so a GPU only.
    "openvino": Accelerator(
        provider="OpenVINOExecutionProvider", options={"device_type": "GPU", "precision": "FP32"}
    ),
    # It compiles the model anew for each batch size, which takes minutes.
    "tensorrt": Accelerator(provider="TensorrtExecutionProvider", options={}, by_itself=False),
}
"""By name, in the order in which `auto` tries them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What makes templates here, and why.

    Attributes:
        why: a sentence for whoever runs the deployment.
        device: `cpu`, or a name in `ACCELERATORS`.
        provider: the execution provider of ONNX Runtime.
        batch: faces in one run, at most.
        fell_back: whether an accelerator was there or asked for, and is not used.
    """

    why: str
    device: str = CPU
    provider: str = CPU_PROVIDER
    batch: int = ALONE
    fell_back: bool = False

    @property
    def accelerated(self) -> bool:
        """Whether templates are made elsewhere than on the CPU."""
        return self.device != CPU


def candidates(wanted: str, offered: Collection[str]) -> tuple[str, ...]:
    """Return the accelerators to try, in order.

    Args:
        wanted: the setting: `auto`, or the name of one.
        offered: the execution providers that the installed ONNX Runtime has.
    """
    names = [name for name, one in ACCELERATORS.items() if one.by_itself or name == wanted]
    return tuple(
        name for name in names if wanted in (AUTO, name) and ACCELERATORS[name].provider in offered
    )


def no_accelerator(wanted: str) -> Choice:
    """Return the choice of the CPU where there is nothing to try."""
    if wanted == CPU:
        return Choice(why="the settings ask for it")
    if wanted == AUTO:
        providers = [one.provider for one in ACCELERATORS.values() if one.by_itself]
        return Choice(
            why=f"the installed ONNX Runtime has neither {', '.join(providers[:-1])} nor {providers[-1]}"
        )
    lacking = ACCELERATORS[wanted].provider
    return Choice(
        why=f"{wanted} is asked for, but the installed ONNX Runtime has no {lacking}",
        fell_back=True,
    )


def described(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return accelerators as plain values, for a frame."""
    return [
        {
            "name": name,
            "provider": ACCELERATORS[name].provider,
            "options": ACCELERATORS[name].options,
        }
        for name in names
    ]


def to_choice(reply: dict[str, Any], names: Sequence[str]) -> Choice:
    """Return what the process that embeds says of the accelerators that it tried.

    Args:
        reply: its first reply.
        names: those it was given to try.
    """
    reasons = dict(zip(names, (str(reason) for reason in reply.get("failed", ())), strict=False))
    failed = "; ".join(f"{name}: {reason[:LONGEST_REASON]}" for name, reason in reasons.items())
    left = [name for name in names if name not in reasons]
    if not reply.get("ready") or not left:
        return Choice(why=f"no accelerator can be used ({failed})", fell_back=True)
    name = left[0]
    why = (
        f"its templates agree with the CPU's (cosine {float(reply['agreement']):.6f}); "
        f"{float(reply['face_ms']):.2f} ms a face, {float(reply['cpu_ms']):.1f} on one core"
    )
    return Choice(
        device=name,
        provider=ACCELERATORS[name].provider,
        why=f"{why}; not used: {failed}" if failed else why,
        batch=TOGETHER,
    )
