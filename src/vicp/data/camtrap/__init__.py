"""Camtrap DP 1.0, the exchange format of camera traps (https://camtrap-dp.tdwg.org): packages read and rewritten."""
