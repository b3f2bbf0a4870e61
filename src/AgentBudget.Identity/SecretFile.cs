namespace AgentBudget.Identity;

/// <summary>A file with one secret, readable by its owner only, made when it is first needed.</summary>
internal static class SecretFile
{
    /// <summary>
    /// A secret is at most this large: a PEM private key is under 1 KiB, and a wrong file is not read whole.
    /// </summary>
    private const int BytesMax = 16 * 1024;

    /// <summary>
    /// The content of the file, without white space around it. A missing file is made with what <paramref name="make"/>
    /// answers, mode 0600, complete or not at all.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is empty or too large.</exception>
    /// <exception cref="IOException">The file cannot be read or made.</exception>
    internal static string ReadOrCreate(string path, Func<string> make, out bool isNew)
    {
        isNew = !File.Exists(path);
        if (isNew)
            Create(path, make());
        if (new FileInfo(path).Length > BytesMax)
            throw new InvalidDataException($"{path} is larger than {BytesMax} bytes: it is not a key file.");
        string content = File.ReadAllText(path).Trim();
        if (content.Length == 0)
            throw new InvalidDataException($"{path} is empty: restore it, or remove it to have a new key made.");
        return content;
    }

    /// <summary>Writes a file, mode 0600, over the one that was there: complete or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written; the old one is as it was.</exception>
    internal static void Replace(string path, string content) => Write(path, content, overwrite: true);

    private static void Create(string path, string content) => Write(path, content, overwrite: false);

    private static void Write(string path, string content, bool overwrite)
    {
        // Written beside and moved, so that a crash leaves no half key behind that would be taken for a whole one.
        string unfinished = path + ".new";
        File.Delete(unfinished);
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (FileStream file = new(unfinished, options))
        {
            using (StreamWriter writer = new(file, leaveOpen: true))
                writer.Write(content + "\n");
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path, overwrite);
    }
}
