"""Whether a call is one of many that a loop makes."""

import dis
from bisect import bisect_right
from inspect import CO_OPTIMIZED

__all__ = ["called_in_loop"]

# Instructions after which the next one is not run.
LEAVES = "RETURN", "RAISE", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE"


def called_in_loop(frame):
    """Return whether a loop surrounds what a frame is at, or one of the calls that led there.

    The calls are followed out to the innermost statement at top level, of a script or a notebook's cell:
    what runs that statement has loops of its own. A loop in C, such as that of `map`, does not show.

    Parameters
    ----------
    frame : frame
    """
    while frame is not None:
        if in_loop(frame.f_code, frame.f_lasti):
            return True
        if not frame.f_code.co_flags & CO_OPTIMIZED:  # no function
            return False
        frame = frame.f_back
    return False


def in_loop(code, position):
    """Return whether an instruction can be reached from itself, exceptions aside."""
    instructions = list(dis.get_instructions(code))
    offsets = [instruction.offset for instruction in instructions]
    start = bisect_right(offsets, position) - 1  # a frame may stand at the cache behind the instruction
    reached, ahead = set(), [start]
    while ahead:
        i = ahead.pop()
        following = [] if instructions[i].opname.startswith(LEAVES) else [i + 1]
        if instructions[i].opcode in dis.hasjrel or instructions[i].opcode in dis.hasjabs:
            following.append(bisect_right(offsets, instructions[i].argval) - 1)
        ahead += [j for j in following if j not in reached]
        reached.update(following)
    return start in reached
