using Microsoft.Win32.SafeHandles;

namespace AgentBudget.Storage.Sqlite.Files;

/// <summary>
/// The store's folder: its checks, its modes, and the lock that keeps every other process out for as long as this
/// lives.
/// </summary>
internal sealed class StoreFolder : IDisposable
{
    private const UnixFileMode PrivateFolder =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode WritableByOthers = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    // Locks or syncs of these are not what SQLite needs.
    private static readonly string[] NetworkFormats =
        [
            "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "smbfs2", "afs", "ncp", "ncpfs", "coda", "ceph",
            "lustre", "gfs", "gfs2", "ocfs2", "afpfs", "webdav",
        ];

    private readonly SafeFileHandle _lock;

    private StoreFolder(string path, SafeFileHandle lockFile)
    {
        Path = path;
        _lock = lockFile;
    }

    public string Path { get; }

    public string Database => System.IO.Path.Combine(Path, "ledger.db");

    public string WriteAheadLog => Database + "-wal";

    public string Marker => System.IO.Path.Combine(Path, "ledger.marker");

    /// <summary>
    /// Takes the folder. Throws <see cref="StoreException"/> with a sentence when it cannot or should not.
    /// </summary>
    public static StoreFolder Take(string folder)
    {
        string path = System.IO.Path.GetFullPath(folder);
        try
        {
            CheckFolder(path);
            SafeFileHandle lockFile = TakeLock(path);
            var taken = new StoreFolder(path, lockFile);
            try
            {
                taken.CheckFiles();
                return taken;
            }
            catch
            {
                taken.Dispose();
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"cannot use the folder '{path}': {exception.Message}", exception);
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>
    /// Makes the database an empty file of the right mode before SQLite sees it; SQLite gives its log the same mode.
    /// </summary>
    public void CreateDatabaseIfMissing()
    {
        if (File.Exists(Database)) return;
        using (Open(Database, FileMode.CreateNew, FileShare.None, FileOptions.None))
        {
        }

        NativeFiles.SyncFolder(Path);
    }

    /// <summary>Opens a file of the folder for reading and writing, with mode 0600 when it is made.</summary>
    public static SafeFileHandle Open(string path, FileMode mode, FileShare share, FileOptions options)
    {
        SafeFileHandle file = File.OpenHandle(path, mode, FileAccess.ReadWrite, share, options);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, PrivateFile);
        return file;
    }

    private static void CheckFolder(string path)
    {
        var folder = new DirectoryInfo(path);
        if (folder.LinkTarget is not null)
            throw new StoreException($"the folder '{path}' is a symbolic link; name the folder itself");
        if (!folder.Exists)
        {
            if (OperatingSystem.IsWindows()) folder.Create();
            else Directory.CreateDirectory(path, PrivateFolder);
        }
        else if (!OperatingSystem.IsWindows() && (folder.UnixFileMode & WritableByOthers) != 0)
        {
            throw new StoreException($"others may write to the folder '{path}'; take that right away (chmod 700)");
        }

        string format = new DriveInfo(path).DriveFormat;
        if (NetworkFormats.Contains(format, StringComparer.OrdinalIgnoreCase))
            throw new StoreException($"the folder '{path}' is on a network file system ({format}); use a local disk");
    }

    private static SafeFileHandle TakeLock(string folder)
    {
        string path = System.IO.Path.Combine(folder, "LOCK");
        RefuseLink(path);
        try
        {
            return Open(path, FileMode.OpenOrCreate, FileShare.None, FileOptions.None);
        }
        catch (IOException exception)
        {
            throw new StoreException(
                $"the folder '{folder}' is in use by another process: its LOCK file is taken", exception);
        }
    }

    private static void RefuseLink(string path)
    {
        if (new FileInfo(path).LinkTarget is not null)
            throw new StoreException($"the file '{path}' is a symbolic link; put the file itself there");
    }

    private void CheckFiles()
    {
        foreach (string path in (string[])[Database, WriteAheadLog, Marker])
        {
            RefuseLink(path);
            if (!OperatingSystem.IsWindows() && File.Exists(path)) File.SetUnixFileMode(path, PrivateFile);
        }
    }
}
