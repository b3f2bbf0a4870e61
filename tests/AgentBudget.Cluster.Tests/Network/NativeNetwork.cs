using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AgentBudget.Cluster.Tests.Network;

/// <summary>Calls of the C library that .NET has no name for.</summary>
internal static partial class NativeNetwork
{
    private const int NewNetwork = 0x40000000; // CLONE_NEWNET
    private const ulong MakeDevice = 0x400454ca; // TUNSETIFF
    private const short PacketsAsTheyAre = 0x0001 | 0x1000; // IFF_TUN and IFF_NO_PI
    private const int RequestLength = 40; // struct ifreq
    private const int FlagsAt = 16; // Behind the name.

    /// <summary>From now on the calling thread is inside a network namespace.</summary>
    public static void Enter(SafeFileHandle inside)
    {
        if (SetNamespace(inside, NewNetwork) != 0) throw Failure("setns");
    }

    /// <summary>Makes a device whose packets are read and written here.</summary>
    public static SafeFileHandle OpenDevice(string name)
    {
        SafeFileHandle device = File.OpenHandle(
            "/dev/net/tun", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        byte[] request = new byte[RequestLength];
        Encoding.ASCII.GetBytes(name, request);
        BitConverter.TryWriteBytes(request.AsSpan(FlagsAt), PacketsAsTheyAre);
        if (Control(device, MakeDevice, request) == 0) return device;
        device.Dispose();
        throw Failure("TUNSETIFF");
    }

    /// <summary>The next packet's length; 0 once the device is gone.</summary>
    public static int Read(SafeFileHandle device, byte[] packet) =>
        (int)Math.Max(0, Read(device, packet, (nuint)packet.Length));

    /// <summary>Writes a packet; one that the device does not take is lost, as on a wire.</summary>
    public static void Write(SafeFileHandle device, byte[] packet) =>
        _ = Write(device, packet, (nuint)packet.Length);

    private static InvalidOperationException Failure(string call) =>
        new($"{call} failed; needs root", new Win32Exception(Marshal.GetLastPInvokeError()));

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeFileHandle inside, int kind);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle device, ulong request, byte[] argument);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle device, byte[] packet, nuint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeFileHandle device, byte[] packet, nuint length);
}
