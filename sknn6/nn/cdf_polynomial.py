"""The polynomial q for which P(N <= z) = (1 + tanh(z q(z^2))) / 2 to 3e-8, N standard normal.

It has its own module, because both the NumPy function and the compiled one need it.
"""

__all__ = ["CDF_LARGEST", "CDF_POLYNOMIAL"]

# The coefficients of q, that of z^12 first: fitted to log(P / (1 - P)) / (2 z) over 0 < z <= 6 by least
# squares, with weights that even out the error in P.
CDF_POLYNOMIAL = (
    1.7562766820213947e-09,
    -1.3226625460077183e-07,
    3.9647728840626474e-06,
    -5.530631550369837e-05,
    -3.259474711249843e-05,
    3.633308441063935e-02,
    7.978849414895207e-01,
)

# The largest z^2 for which q is computed; beyond it, P differs from 0 or 1 by less than 1e-9.
CDF_LARGEST = 36.0
