#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pointer.py: a mouse with keys in the guest, made with uinput, until stdin ends.

Says "ready" on stdout when it is there; then it goes round the middle of the
screen, and its button is clicked once a second where that begins.
"""
import fcntl
import glob
import math
import os
import select
import stat
import struct
import sys

UI_DEV_CREATE, UI_DEV_SETUP = 0x5501, 0x405C5503
UI_SET_EVBIT, UI_SET_KEYBIT, UI_SET_RELBIT = 0x40045564, 0x40045565, 0x40045566
EV_SYN, EV_KEY, EV_REL = 0, 1, 2
REL_X, REL_Y, REL_WHEEL, BTN_LEFT, BTN_RIGHT = 0, 1, 8, 0x110, 0x111
KEY_ESC, KEY_F10 = 1, 68
NAME = b"testbed pointer"
STEPS, RADIUS = 60, 80


def make():
    device = os.open("/dev/uinput", os.O_WRONLY | os.O_CLOEXEC)
    for request, value in (
        (UI_SET_EVBIT, EV_KEY), (UI_SET_KEYBIT, BTN_LEFT), (UI_SET_KEYBIT, BTN_RIGHT),
        (UI_SET_EVBIT, EV_REL), (UI_SET_RELBIT, REL_X), (UI_SET_RELBIT, REL_Y),
        (UI_SET_RELBIT, REL_WHEEL), *((UI_SET_KEYBIT, key) for key in range(KEY_ESC, KEY_F10 + 1)),
    ):
        fcntl.ioctl(device, request, value)
    fcntl.ioctl(device, UI_DEV_SETUP, struct.pack("4H80sI", 6, 1, 1, 1, NAME, 0))
    fcntl.ioctl(device, UI_DEV_CREATE)
    return device


def tell_udev():
    """There is no udevd in the guest: what it would have made and written."""
    for folder in glob.glob("/sys/devices/virtual/input/input*"):
        with open(folder + "/name", "rb") as file:
            if file.read().strip() != NAME:
                continue
        event = glob.glob(folder + "/event*")[0]
        with open(event + "/dev", encoding="ascii") as file:
            major, minor = map(int, file.read().split(":"))
        os.makedirs("/dev/input", exist_ok=True)
        node = "/dev/input/" + os.path.basename(event)
        if not os.path.exists(node):
            os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(major, minor))
        os.makedirs("/run/udev/data", exist_ok=True)
        with open(f"/run/udev/data/c{major}:{minor}", "w", encoding="ascii") as file:
            file.write("I:1\nE:ID_INPUT=1\nE:ID_INPUT_MOUSE=1\nE:ID_INPUT_KEYBOARD=1\nE:ID_INPUT_KEY=1\nV:1\n")


def send(device, *events):
    for kind, code, value in (*events, (EV_SYN, 0, 0)):
        os.write(device, struct.pack("llHHi", 0, 0, kind, code, value))


def main():
    device = make()
    tell_udev()
    print("ready", flush=True)
    x = y = 0
    step = 0
    while not select.select([sys.stdin], [], [], 1 / STEPS)[0]:
        step += 1
        angle = 2 * math.pi * step / STEPS
        to_x, to_y = round(RADIUS * math.sin(angle)), round(RADIUS * math.sin(angle) * math.cos(angle))
        send(device, (EV_REL, REL_X, to_x - x), (EV_REL, REL_Y, to_y - y))
        x, y = to_x, to_y
        if step % STEPS < 2:
            send(device, (EV_KEY, BTN_LEFT, 1 - step % STEPS))


main()
