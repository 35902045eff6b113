"""Turn block-quantised ONNX files into plain fp32 graphs that run fast.

The files that OpenCV Zoo publishes as `*_int8bq.onnx` store their weights as small integers with a
scale per block, and ONNX Runtime would expand them again at every call. Here that is done once.
Nothing is trained or rounded: the folded graph computes the same function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from countenance.errors import ModelCardInvalid

if TYPE_CHECKING:
    import numpy.typing as npt

    Constants = dict[str, npt.NDArray[Any]]


def fold(model: bytes, *, dynamic: tuple[str, ...]) -> bytes:
    """Return the graph with its weights expanded, false inputs dropped and PReLU rewritten.

    The same bytes in give the same bytes out for one version of the `onnx` package.

    Args:
        model: a serialised ONNX model whose sum the caller has checked.
        dynamic: names for the leading free dimensions of the one real input, such as
            ("batch",) or ("batch", "", "height", "width"); an empty name keeps what is there.

    Raises:
        ModelCardInvalid: it keeps weights in another file, which no sum is known of.
    """
    import onnx

    source = onnx.load_model_from_string(model)
    graph = source.graph
    if any(onnx.external_data_helper.uses_external_data(item) for item in graph.initializer):
        raise ModelCardInvalid("This model keeps weights in another file; it must be one file.")
    constants: Constants = {
        item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer
    }
    nodes = []
    for node in graph.node:
        nodes.extend(_folded(node, constants))
    used = {name for node in nodes for name in node.input}
    nodes = [node for node in nodes if node.op_type != "Constant" or node.output[0] in used]
    inputs = [item for item in graph.input if item.name in used and item.name not in constants]
    for item in inputs:
        _free(item, dynamic)
    for item in graph.output:
        _free(item, ("batch", "rows") if len(dynamic) > 1 else ("batch",))
    weights = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
        for name, value in constants.items()
        if name in used
    ]
    folded = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, graph.name, inputs, list(graph.output), weights),
        opset_imports=source.opset_import,
        ir_version=max(source.ir_version, 7),
        producer_name="countenance",
    )
    onnx.checker.check_model(folded)
    return bytes(folded.SerializeToString(deterministic=True))


def _folded(node: Any, constants: Constants) -> list[Any]:
    """Return what stands in for one node; nothing if its output is now a constant."""
    from onnx import helper

    known = all(name in constants for name in node.input)
    if node.op_type == "DequantizeLinear" and known:
        settings = {attribute.name: attribute.i for attribute in node.attribute}
        values, scale, zero = (constants[name] for name in node.input)
        constants[node.output[0]] = _expand(values, scale, zero, settings)
        return []
    if node.op_type == "Reshape" and known:
        values, shape = (constants[name] for name in node.input)
        constants[node.output[0]] = values.reshape(shape)
        return []
    if node.op_type == "Dropout":
        return [helper.make_node("Identity", [node.input[0]], [node.output[0]])]
    if node.op_type == "PRelu":
        return _rewritten_prelu(node)
    return [node]


def _expand(
    values: npt.NDArray[Any],
    scale: npt.NDArray[Any],
    zero: npt.NDArray[Any],
    settings: dict[str, int],
) -> npt.NDArray[np.float32]:
    """Return (values - zero) * scale, where scale and zero are per block, per row or one number."""
    axis, block = settings.get("axis", 1), settings.get("block_size", 0)
    if block:
        length = values.shape[axis]
        scale = np.repeat(scale, block, axis=axis).take(range(length), axis=axis)
        zero = np.repeat(zero, block, axis=axis).take(range(length), axis=axis)
    elif scale.ndim == 1:
        shape = [1] * values.ndim
        shape[axis] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    centred = values.astype(np.float32) - zero.astype(np.float32)
    expanded: npt.NDArray[np.float32] = (centred * scale).astype(np.float32)
    return expanded


def _rewritten_prelu(node: Any) -> list[Any]:
    """Return relu(x) - a * relu(-x): the same function, on operators that ONNX Runtime runs fast."""
    from onnx import helper

    value, slope = node.input
    result = node.output[0]
    names = [f"{result}_{part}" for part in ("positive", "negated", "negative", "scaled")]
    positive, negated, negative, scaled = names
    return [
        helper.make_node("Relu", [value], [positive]),
        helper.make_node("Neg", [value], [negated]),
        helper.make_node("Relu", [negated], [negative]),
        helper.make_node("Mul", [negative, slope], [scaled]),
        helper.make_node("Sub", [positive, scaled], [result]),
    ]


def _free(item: Any, names: tuple[str, ...]) -> None:
    dimensions = item.type.tensor_type.shape.dim
    for dimension, name in zip(dimensions, names, strict=False):
        if name:
            dimension.Clear()
            dimension.dim_param = name
