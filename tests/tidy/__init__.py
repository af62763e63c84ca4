"""The project's laws as tests: floors, kernels, names, sizes, and how the system may be started."""
