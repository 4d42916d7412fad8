"""A graph under construction: nodes in order, large tensors in a file of their own."""

from pathlib import Path
from typing import Any

OPSET = 23
CONTRIB = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""
IR_VERSION = 11
DATA = "model.onnx.data"
GRAPH = "model.onnx"
ALIGNMENT = 4096
"""Bytes; a page, so that the runtime may map each tensor where it lies."""
SMALL = 1024
"""Bytes; smaller tensors stand in the graph itself."""


class DataFile:
    """The file of a graph's large tensors, written front to back, none kept in memory.

    The protocol buffer of each tensor says where it lies.
    """

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


class Graph:
    """Grows by nodes; each takes and gives tensors by name."""

    def __init__(self, folder: Path) -> None:
        """Write the tensors into `folder` as they come, the graph at the end."""
        self.folder = folder
        self.data = DataFile(folder / DATA)
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def node(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Add a node of one output; return that output's name."""
        self.add(operator, inputs, [output], **attributes)
        return output

    def add(
        self, operator: str, inputs: list[str], outputs: list[str], **attributes: object
    ) -> None:
        """Add a node named after its first output; a dotted operator is of another domain."""
        import onnx

        domain, _, name = operator.rpartition(".")
        self.nodes.append(
            onnx.helper.make_node(
                name, inputs, outputs, name=f"/{outputs[0]}", domain=domain, **attributes
            )
        )

    def tensor(self, name: str, array: Any) -> str:  # noqa: ANN401 - an array
        """Store a constant; return its name."""
        self.initializers[name] = self.data.add(name, array)
        return name

    def input(self, name: str, dtype: str, shape: list[str | int]) -> str:
        """Declare an input; return its name."""
        self.inputs.append(_value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: list[str | int]) -> str:
        """Declare an output; return its name."""
        self.outputs.append(_value(name, dtype, shape))
        return name

    def save(self) -> None:
        """Write the graph beside its data; raise onnx.checker.ValidationError if it is none."""
        import onnx

        self.data.close()
        graph = onnx.helper.make_graph(
            self.nodes, "decoder", self.inputs, self.outputs, list(self.initializers.values())
        )
        versions = [onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid(CONTRIB, 1)]
        model = onnx.helper.make_model(
            graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="coldforge"
        )
        path = self.folder / GRAPH
        path.write_bytes(model.SerializeToString(deterministic=True))
        onnx.checker.check_model(path)


def _value(name: str, dtype: str, shape: list[str | int]) -> Any:  # noqa: ANN401 - a ValueInfoProto
    import numpy as np
    import onnx

    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return onnx.helper.make_tensor_value_info(name, kind, shape)
