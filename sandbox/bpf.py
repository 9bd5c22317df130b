"""An assembler for seccomp filters: classic BPF over ``struct seccomp_data``.

A block of instructions either returns an action or falls through to the instruction after it. Jumps
are relative: 0 is the next instruction. The values of operations and actions are the kernel's
(include/uapi/linux/bpf_common.h and seccomp.h).
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

ALLOW = 0x7FFF0000
KILL = 0x80000000
NOTIFY = 0x7FC00000
"""Hold the call until the process that listens to the filter answers it."""
_ERRNO = 0x00050000

_LOAD = 0x20
_AND = 0x54
_JUMP = 0x05
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_JUMP_IF_ANY_BIT = 0x45
_RETURN = 0x06

# struct seccomp_data: the call's number, the architecture, the instruction pointer, six arguments
_NUMBER_OFFSET = 0
_ARCHITECTURE_OFFSET = 4
_ARGUMENTS_OFFSET = 16
_ALL_BITS = 0xFFFFFFFF


class Instruction(NamedTuple):
    operation: int
    if_true: int
    if_false: int
    operand: int


Block = list[Instruction]


def refuse(error: int) -> int:
    """Return the action that answers a call with an errno."""
    return _ERRNO | error


def return_action(action: int) -> Instruction:
    return Instruction(_RETURN, 0, 0, action)


def load_number() -> Instruction:
    return Instruction(_LOAD, 0, 0, _NUMBER_OFFSET)


def load_architecture() -> Instruction:
    return Instruction(_LOAD, 0, 0, _ARCHITECTURE_OFFSET)


def load_argument(index: int) -> Instruction:
    """Load the low 32 bits of an argument; for most arguments, the kernel reads no others."""
    return Instruction(_LOAD, 0, 0, _ARGUMENTS_OFFSET + 8 * index)


def load_argument_high(index: int) -> Instruction:
    return Instruction(_LOAD, 0, 0, _ARGUMENTS_OFFSET + 8 * index + 4)


def keep_bits(mask: int) -> Instruction:
    return Instruction(_AND, 0, 0, mask)


def jump(distance: int) -> Instruction:
    return Instruction(_JUMP, 0, 0, distance)


def jump_if_equal(value: int, if_true: int, if_false: int) -> Instruction:
    return Instruction(_JUMP_IF_EQUAL, if_true, if_false, value)


def jump_if_at_least(value: int, if_true: int, if_false: int) -> Instruction:
    return Instruction(_JUMP_IF_AT_LEAST, if_true, if_false, value)


def jump_if_any_bit(mask: int, if_true: int, if_false: int) -> Instruction:
    return Instruction(_JUMP_IF_ANY_BIT, if_true, if_false, mask)


def if_any_bit(argument: int, mask: int, action: int) -> Block:
    return [
        load_argument(argument),
        jump_if_any_bit(mask, if_true=0, if_false=1),
        return_action(action),
    ]


def if_one_of(argument: int, values: Sequence[int], action: int) -> Block:
    block = [load_argument(argument), keep_bits(_ALL_BITS)]
    last = len(values) - 1
    for position, value in enumerate(values):
        to_action = last - position
        past_action = 1 if position == last else 0
        block.append(jump_if_equal(value, if_true=to_action, if_false=past_action))
    block.append(return_action(action))
    return block


def unless_one_of(
    argument: int, values: Sequence[int], action: int, *, mask: int = _ALL_BITS
) -> Block:
    block = [load_argument(argument), keep_bits(mask)]
    for position, value in enumerate(values):
        past_action = len(values) - position
        block.append(jump_if_equal(value, if_true=past_action, if_false=0))
    block.append(return_action(action))
    return block


def assemble(program: Block) -> bytes:
    """Return the instructions as an array of ``struct sock_filter``."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
