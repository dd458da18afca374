"""Room 3: InstalledState + Resolution -> InstallPlan. Pure."""
