"""The demo, the benchmark and the gallery: they use the product from outside."""

# Before numpy, as in the product: it keeps the linear algebra library from threads that wait by spinning.
import likeness  # noqa: F401
