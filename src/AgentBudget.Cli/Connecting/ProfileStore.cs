using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace AgentBudget.Cli.Connecting;

/// <summary>Where a name of login leads: a server, and the file of a credential.</summary>
internal sealed record Profile(string Server, string CredentialFile, string? Tenant);

/// <summary>What login remembers, in one file that its user alone reads.</summary>
internal sealed class ProfileSet
{
    /// <summary>The one to use where none is named.</summary>
    public string? Current { get; set; }

    /// <summary>By name.</summary>
    public SortedDictionary<string, Profile> Profiles { get; set; } = new(StringComparer.Ordinal);
}

/// <summary>
/// The folder of profiles: <c>$XDG_CONFIG_HOME/agentbudget</c>, or what <c>AGENTBUDGET_CONFIG</c> names.
/// </summary>
internal sealed partial class ProfileStore(string folder)
{
    internal const string DefaultServer = "http://127.0.0.1:7071";
    internal const string DefaultName = "default";
    internal const string FolderVariable = "AGENTBUDGET_CONFIG";

    private string SetFile => Path.Combine(folder, "profiles.json");

    public static ProfileStore OfUser() => new(
        Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } named
            ? named
            : Path.Combine(
                Environment.GetFolderPath(
                    Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify),
                "agentbudget"));

    public ProfileSet Read()
    {
        try
        {
            return File.Exists(SetFile)
                ? JsonSerializer.Deserialize(File.ReadAllText(SetFile), ProfileJson.Default.ProfileSet) ?? new()
                : new();
        }
        catch (Exception fault) when (fault is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new CliException(
                ExitCodes.NoInput, $"{SetFile} cannot be read: {fault.Message} Mend or delete it, then log in again.");
        }
    }

    public void Write(ProfileSet set) =>
        WriteSecretly(SetFile, JsonSerializer.Serialize(set, ProfileJson.Default.ProfileSet));

    /// <summary>Keeps a credential for a profile; answers its file.</summary>
    public string WriteCredential(string name, string credential)
    {
        string file = Path.Combine(folder, $"{name}.credential");
        WriteSecretly(file, credential + "\n");
        return file;
    }

    public void DeleteCredential(string name) => File.Delete(Path.Combine(folder, $"{name}.credential"));

    public static void CheckName(string name)
    {
        if (!Name().IsMatch(name))
            throw CliException.Usage("A profile's name has letters, digits, dots, dashes and underscores, 64 at most.");
    }

    // Written beside and moved, so that an interrupted login leaves the old file whole.
    private void WriteSecretly(string file, string text)
    {
        try
        {
            const UnixFileMode own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, own);
            string beside = $"{file}.{Environment.ProcessId}";
            SecretFile.Write(beside, text);
            File.Move(beside, file, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.CannotCreate, $"{file} cannot be written: {fault.Message}", fault);
        }
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    private static partial Regex Name();
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ProfileSet))]
internal sealed partial class ProfileJson : JsonSerializerContext;
