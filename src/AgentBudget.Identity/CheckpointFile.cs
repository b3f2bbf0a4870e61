using AgentBudget.Protocol.V1;

namespace AgentBudget.Identity;

/// <summary>Signed checkpoints in a text file, one a line; empty lines and lines that begin with # are passed over.
/// </summary>
public static class CheckpointFile
{
    /// <summary>A hundred thousand tenants; anything larger is another file.</summary>
    private const long BytesMax = 64L * 1024 * 1024;

    /// <summary>Every checkpoint of a file with its line, in order.</summary>
    /// <exception cref="InvalidDataException">A line holds none that the keys signed; it is named.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<(string Signed, LedgerCheckpoint Checkpoint)> Read(
        string path, CheckpointVerifier verifier)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(verifier);
        if (new FileInfo(path).Length > BytesMax)
            throw new InvalidDataException($"{path} is larger than {BytesMax} bytes: it is no file of checkpoints.");
        List<(string Signed, LedgerCheckpoint Checkpoint)> found = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            string signed = line.Trim();
            if (signed.Length == 0 || signed[0] == '#')
                continue;
            if (!verifier.TryRead(signed, out LedgerCheckpoint? checkpoint))
            {
                throw new InvalidDataException(
                    $"{path}, line {number}: no checkpoint that was signed with the key that verifies it.");
            }

            found.Add((signed, checkpoint));
        }

        return found;
    }

    /// <summary>Puts checkpoints in the place of those that were there: whole or not at all, mode 0600.</summary>
    /// <exception cref="IOException">The file cannot be written; the old one is as it was.</exception>
    public static void Replace(string path, IEnumerable<string> lines) =>
        SecretFile.Replace(path, string.Join('\n', lines));
}
