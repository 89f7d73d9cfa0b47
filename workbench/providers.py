"""The execution providers that the workbench knows, as one table. Plain data, for the engine and for any front."""

from __future__ import annotations

import sys
from dataclasses import dataclass

__all__ = ["CUDA_VERSIONS", "PREFERENCE", "PROVIDERS", "CudaVersions", "Provider", "builtin_names", "short_provider"]


@dataclass(frozen=True)
class Provider:
    """One execution provider.

    ``name`` is what a user says, ``title`` what its makers write, ``onnxruntime`` what onnxruntime calls it. ``device``
    is where its tensors lie, as onnxruntime calls it. ``extra`` is the extra of the app whose wheel has it built in;
    ``module`` is the package of a plug-in, which is registered with any wheel of onnxruntime and has a function
    ``get_library_path``. ``systems`` are values of ``sys.platform`` on which it exists, all where empty.

    ``library`` is the file of the wheel that onnxruntime loads for it, by system; ``also`` are libraries that this file
    does not name, because it loads them when a graph needs them, and ``needs`` those that it does name, for systems on
    which they cannot be read out of it.
    """

    name: str
    title: str
    onnxruntime: str
    device: str = "cpu"
    extra: str = ""
    module: str = ""
    systems: tuple[str, ...] = ()
    library: tuple[tuple[str, str], ...] = ()
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    also: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def exists_here(self) -> bool:
        """Whether it exists for this system at all."""
        return not self.systems or sys.platform in self.systems


@dataclass(frozen=True)
class CudaVersions:
    """What onnxruntime-gpu of one version needs of a machine."""

    cuda: int
    cudnn: int
    driver: tuple[int, ...]
    capability: tuple[int, int]


# onnxruntime-gpu 1.31 and newer. CUDA 13 runs with drivers from 580 on, and left all before Turing (7.5) behind.
CUDA_VERSIONS = CudaVersions(cuda=13, cudnn=9, driver=(580,), capability=(7, 5))

PROVIDERS: dict[str, Provider] = {
    item.name: item
    for item in (
        Provider("cpu", "CPU", "CPUExecutionProvider", extra="cpu"),
        Provider(
            "cuda",
            "CUDA",
            "CUDAExecutionProvider",
            device="cuda",
            extra="cuda",
            systems=("linux", "win32"),
            library=(
                ("linux", "libonnxruntime_providers_cuda.so"),
                ("win32", "onnxruntime_providers_cuda.dll"),
            ),
            needs=(("win32", ("cudart64_13.dll", "cublas64_13.dll", "cublasLt64_13.dll", "curand64_10.dll")),),
            also=(
                ("linux", ("libcudnn.so.9", "libcufft.so.12")),
                ("win32", ("cudnn64_9.dll", "cufft64_12.dll")),
            ),
        ),
        Provider("dml", "DirectML", "DmlExecutionProvider", device="dml", extra="directml", systems=("win32",)),
        Provider(
            "openvino",
            "OpenVINO",
            "OpenVINOExecutionProvider",
            module="onnxruntime_ep_openvino",
            systems=("linux", "win32"),
        ),
        Provider("webgpu", "WebGPU", "WebGpuExecutionProvider", module="onnxruntime_ep_webgpu"),
    )
}

# What "auto" tries, best first. A plug-in is used where it is named.
PREFERENCE = ("cuda", "dml", "cpu")

_SHORT = {item.onnxruntime: item.name for item in PROVIDERS.values()}


def short_provider(name: str) -> str:
    """``"CPUExecutionProvider"`` → ``"cpu"``, as users say it; what the table does not know, without its ending."""
    return _SHORT.get(name, name.removesuffix("ExecutionProvider").lower())


def builtin_names() -> tuple[str, ...]:
    """Short names of the providers that come with a wheel of onnxruntime, in the order of the table."""
    return tuple(item.name for item in PROVIDERS.values() if not item.module)
