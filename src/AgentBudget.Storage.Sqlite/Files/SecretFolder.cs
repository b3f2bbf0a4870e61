using System.Buffers.Binary;
using System.Text;
using AgentBudget.Storage.Secrets;

namespace AgentBudget.Storage.Sqlite.Files;

/// <summary>
/// Secrets of a silo by itself, a file each in a folder of its own, with the contract of those that silos share. A file
/// is replaced whole, and is durable when a write completes. One process at a time. Safe for any thread.
/// </summary>
public sealed class SecretFolder : ISharedSecrets
{
    private const string IdFile = "store.id";
    private const string Ending = ".secret";
    private const string Unfinished = ".new";
    private const int VersionBytes = sizeof(long);

    private readonly Lock _gate = new();
    private readonly string _folder;

    private SecretFolder(string folder, Guid storeId) => (_folder, StoreId) = (folder, storeId);

    /// <inheritdoc/>
    public Guid StoreId { get; }

    /// <summary>Opens the folder, or makes it with mode 0700 under an id of its own.</summary>
    /// <exception cref="IOException">It cannot be read or made.</exception>
    /// <exception cref="InvalidDataException">Its id is none.</exception>
    public static SecretFolder Open(string path, Func<Guid> newId)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(newId);
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string idFile = Path.Combine(path, IdFile);
        if (!File.Exists(idFile)) Replace(path, idFile, Encoding.ASCII.GetBytes($"{newId()}\n"));
        return Guid.TryParse(File.ReadAllText(idFile).Trim(), out Guid id)
            ? new SecretFolder(path, id)
            : throw new InvalidDataException($"{idFile} holds no id: restore it, or remove the folder {path}.");
    }

    /// <inheritdoc/>
    public ValueTask<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(Guarded(() => Read(PathOf(name))));
    }

    /// <inheritdoc/>
    public ValueTask<bool> TryWriteAsync(
        string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(Guarded(() =>
            {
                string path = PathOf(name);
                if ((Read(path)?.Version ?? 0) != version) return false;
                byte[] content = new byte[VersionBytes + bytes.Length];
                BinaryPrimitives.WriteInt64LittleEndian(content, version + 1);
                bytes.Span.CopyTo(content.AsSpan(VersionBytes));
                Replace(_folder, path, content);
                return true;
            }));
        }
    }

    private static SealedSecret? Read(string path)
    {
        if (!File.Exists(path)) return null;
        byte[] content = File.ReadAllBytes(path);
        return content.Length < VersionBytes
            ? throw new StoreException($"{path} is cut off")
            : new SealedSecret(BinaryPrimitives.ReadInt64LittleEndian(content), content.AsMemory(VersionBytes));
    }

    private static T Guarded<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"a secret cannot be read or written: {fault.Message}", fault);
        }
    }

    // Written beside, synced and moved, so a crash leaves the old one or the new one.
    private static void Replace(string folder, string path, byte[] content)
    {
        string unfinished = path + Unfinished;
        File.Delete(unfinished);
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (FileStream file = new(unfinished, options))
        {
            file.Write(content);
            file.Flush();
            NativeFiles.SyncData(file.SafeFileHandle);
        }

        File.Move(unfinished, path, overwrite: true);
        NativeFiles.SyncFolder(folder);
    }

    private string PathOf(string name) =>
        Path.Combine(_folder, Convert.ToHexStringLower(Encoding.UTF8.GetBytes(name)) + Ending);
}
