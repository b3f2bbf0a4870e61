using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AgentBudget.Storage.Sqlite.Files;

/// <summary>Two calls of the C library that .NET has no name for.</summary>
internal static partial class NativeFiles
{
    private const int ReadOnly = 0;

    /// <summary>
    /// Makes a folder's entries durable: a new file is found after a power cut only if its folder was synced.
    /// </summary>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return; // NTFS journals its folders.
        int descriptor = Open(folder, ReadOnly);
        if (descriptor < 0) throw Failure($"cannot open the folder '{folder}' to sync it");
        int result = Sync(descriptor);
        string? failure = result == 0 ? null : $"cannot sync the folder '{folder}'";
        _ = Close(descriptor);
        if (failure is not null) throw Failure(failure);
    }

    /// <summary>Makes a file's bytes durable, and of its metadata only what is needed to read them.</summary>
    public static void SyncData(SafeFileHandle file)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }

        if (DataSync(file) != 0) throw Failure("cannot sync a file");
    }

    private static IOException Failure(string what) =>
        new(what, new Win32Exception(Marshal.GetLastPInvokeError()));

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int DataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
