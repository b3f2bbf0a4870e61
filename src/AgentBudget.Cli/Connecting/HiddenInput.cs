using System.Runtime.InteropServices;

namespace AgentBudget.Cli.Connecting;

/// <summary>
/// While it lives, the terminal does not show what is typed. It changes the terminal's own attributes: those that stty
/// sets would not last, because the runtime puts the old ones back after every process that it starts.
/// </summary>
internal sealed partial class HiddenInput : IDisposable
{
    public const int StandardInput = 0;
    private const int AtOnce = 0; // TCSANOW
    private const byte Echo = 0x08; // ECHO, in the first byte of the local flags.
    private const int AttributesBytes = 256; // More than any system's struct termios has.

    private readonly byte[] _before = new byte[AttributesBytes];

    public HiddenInput()
    {
        if (GetAttributes(StandardInput, _before) != 0) throw Unhidden();
        byte[] hidden = [.. _before];
        hidden[LocalFlagsAt] &= unchecked((byte)~Echo);
        if (SetAttributes(StandardInput, AtOnce, hidden) != 0) throw Unhidden();
    }

    // Three numbers of input, output and control flags stand before: of 4 bytes on Linux, of 8 on macOS.
    private static int LocalFlagsAt
    {
        get
        {
            int flagsBytes = OperatingSystem.IsMacOS() ? sizeof(ulong) : sizeof(uint);
            return (3 * flagsBytes) + (BitConverter.IsLittleEndian ? 0 : flagsBytes - 1);
        }
    }

    public void Dispose() => _ = SetAttributes(StandardInput, AtOnce, _before);

    private static CliException Unhidden() => CliException.Usage(
        "This terminal cannot hide what is typed: give the credential on standard input, or by --credential-file.");

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int descriptor, [Out] byte[] attributes);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int descriptor, int when, [In] byte[] attributes);
}
