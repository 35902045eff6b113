"""The drill's passkey device, of which a test can set what it should not be."""

from countenance.drill.passkey import FLAG, PRESENT_AND_VERIFIED, Device

__all__ = ["FLAG", "PRESENT_AND_VERIFIED", "Device"]
