"""Find out whether a call is made in a loop."""

import dis
from bisect import bisect_right
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType

__all__ = ["called_in_loop"]

# Instructions that do not continue with the next one.
LEAVES = "RETURN", "RAISE", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE"


def called_in_loop(frame: FrameType | None) -> bool:
    """Return whether the current instruction of a frame, or one of the calls that led there, is in a loop.

    Callers are examined up to the statement of a module or notebook cell: what runs that statement, such as
    the notebook's own loop, does not count. Loops in C, such as that of `map`, are not found.

    Parameters
    ----------
    frame : frame
    """
    while frame is not None:
        if in_loop(frame.f_code, frame.f_lasti):
            return True
        if not frame.f_code.co_flags & CO_OPTIMIZED:  # not a function, but a module or a cell
            return False
        frame = frame.f_back
    return False


def in_loop(code: CodeType, position: int) -> bool:
    """Return whether an instruction can be reached from itself, exceptions aside."""
    instructions = list(dis.get_instructions(code))
    offsets = [instruction.offset for instruction in instructions]
    start = bisect_right(offsets, position) - 1  # f_lasti may point to a cache entry after the instruction
    reached: set[int] = set()
    ahead = [start]
    while ahead:
        i = ahead.pop()
        following = [] if instructions[i].opname.startswith(LEAVES) else [i + 1]
        if instructions[i].opcode in dis.hasjrel or instructions[i].opcode in dis.hasjabs:
            following.append(bisect_right(offsets, instructions[i].argval) - 1)
        ahead += [j for j in following if j not in reached]
        reached.update(following)
    return start in reached
