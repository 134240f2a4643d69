"""The stages of the pipeline: each loads the parameters, calls one function, writes its outputs."""

from dlt.gpu import choose_gpu
from dlt.process import exit_with_parent

exit_with_parent()  # here already, for `dvc` may be killed during the seconds that imports take
choose_gpu()  # before torch looks for one
