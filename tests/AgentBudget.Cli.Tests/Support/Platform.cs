using System.Runtime.Versioning;

// Signals, modes of files and shells are those of Unix.
[assembly: UnsupportedOSPlatform("windows")]
