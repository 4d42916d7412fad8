"""The file that holds a graph's large tensors, written front to back, none kept in memory."""

from pathlib import Path
from typing import Any

ALIGNMENT = 4096
"""Bytes; a page, so that the runtime may map each tensor where it lies."""
SMALL = 1024
"""Bytes; smaller tensors stand in the graph itself."""


class DataFile:
    """Appends tensors; the protocol buffer of each says where it lies."""

    def __init__(self, path: Path) -> None:
        """Begin an empty file."""
        self.path = path
        self._stream = path.open("wb")

    def add(self, name: str, array: Any) -> Any:  # noqa: ANN401 - an array, a TensorProto
        """Store an array; return its TensorProto."""
        import numpy as np
        import onnx

        array = np.ascontiguousarray(array)
        if array.nbytes <= SMALL:
            return onnx.numpy_helper.from_array(array, name)
        self._stream.write(bytes(-self._stream.tell() % ALIGNMENT))
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        proto = onnx.TensorProto(name=name, data_type=kind, dims=array.shape)
        proto.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": self.path.name, "offset": self._stream.tell(), "length": array.nbytes}
        for key, value in place.items():
            proto.external_data.add(key=key, value=str(value))
        self._stream.write(memoryview(array).cast("B"))
        return proto

    def close(self) -> None:
        """Finish the file."""
        self._stream.close()
