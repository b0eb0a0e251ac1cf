"""Makes the products of an exported network 8-bit."""

from __future__ import annotations

from pathlib import Path


def quantise_products(path: Path, kinds: tuple[str, ...] = ("MatMul",)) -> None:
    """Dynamic quantisation (Jacob et al. 2018) of products with weights, in place: a scale for each column of the
    weights, one for the other side, found as the numbers come. kinds: of nodes; Gather is a look-up in a table.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(path),
        str(path),
        op_types_to_quantize=list(kinds),
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )
