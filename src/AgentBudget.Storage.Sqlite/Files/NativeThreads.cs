using System.Runtime.InteropServices;

namespace AgentBudget.Storage.Sqlite.Files;

/// <summary>What .NET has no name for in Linux's scheduler.</summary>
internal static partial class NativeThreads
{
    /// <summary>The shortest slice of a core that Linux gives; an ordinary one is a millisecond or more.</summary>
    internal const ulong SliceNanos = 100_000;

    private const int CallingThread = 0;
    private const uint OrdinaryPolicy = 0;

    // The numbers of sched_setattr and sched_getattr.
    private static readonly (long Set, long Get)? Calls = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => (314, 315),
        Architecture.Arm64 => (274, 275),
        _ => null,
    };

    /// <summary>
    /// Lets the calling thread run as soon as what it waited for is there, though others keep every core busy: a thread
    /// that takes its share in short slices is due earlier. The share stays what it is. Without effect before Linux
    /// 6.12, on other systems, and where it is not allowed.
    /// </summary>
    public static void AskToRunSoon()
    {
        if (!TryRead(out Attributes attributes) || attributes.Policy != OrdinaryPolicy) return;
        attributes.SliceNanos = SliceNanos;
        _ = SetAttributes(Calls!.Value.Set, CallingThread, attributes, flags: 0);
    }

    /// <summary>The calling thread's slice; 0 where the system does not say.</summary>
    internal static ulong ReadSliceNanos() => TryRead(out Attributes attributes) ? attributes.SliceNanos : 0;

    private static bool TryRead(out Attributes attributes)
    {
        attributes = default;
        if (!OperatingSystem.IsLinux() || Calls is not { } calls) return false;
        uint length = (uint)Marshal.SizeOf<Attributes>();
        return GetAttributes(calls.Get, CallingThread, ref attributes, length, flags: 0) == 0;
    }

    // The C library of most systems has no functions of their own for these yet.
    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SetAttributes(long number, int thread, in Attributes attributes, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long GetAttributes(
        long number, int thread, ref Attributes attributes, uint length, uint flags);

    // struct sched_attr, in its first form.
    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        public uint Length;
        public uint Policy;
        public ulong Flags;
        public int Niceness;
        public uint Priority;
        public ulong SliceNanos;
        public ulong DeadlineNanos;
        public ulong PeriodNanos;
    }
}
