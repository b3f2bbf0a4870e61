using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace AgentBudget.Silo.Options;

/// <summary>A JSON file of settings, with comments, as a person wrote it.</summary>
internal static class ConfigurationFile
{
    /// <summary>Some keys with comments; anything larger is another file.</summary>
    private const long BytesMax = 64 * 1024;

    /// <summary>Its settings by key. Throws <see cref="OptionsException"/> for a file or a key that is wrong.</summary>
    /// <param name="path">The file.</param>
    /// <param name="faultOf">Answers what is wrong with a key and its value, or null.</param>
    internal static IEnumerable<KeyValuePair<string, string?>> Read(
        string path, Func<string, string?, string?> faultOf)
    {
        IConfigurationRoot file = Load(path);
        foreach ((string key, string? value) in file.AsEnumerable())
        {
            if (faultOf(key, value) is { } fault) throw new OptionsException($"{path}{LineOf(path, key)}: {fault}");
            if (value is not null) yield return new(key, value); // A null says nothing, as a key that is not there.
        }
    }

    private static IConfigurationRoot Load(string path)
    {
        try
        {
            FileInfo file = new(path);
            if (!file.Exists) throw new OptionsException($"The file {path} does not exist.");
            if (file.Length > BytesMax)
                throw new OptionsException($"The file {path} is larger than {BytesMax} bytes.");
            return new ConfigurationBuilder().AddJsonFile(file.FullName, optional: false).Build();
        }
        catch (InvalidDataException fault) when (fault.GetBaseException() is JsonException json)
        {
            throw new OptionsException($"{path}, line {json.LineNumber + 1}: not readable as JSON.");
        }
        catch (InvalidDataException fault)
        {
            throw new OptionsException($"{path}: {fault.GetBaseException().Message}");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"The file {path} cannot be read: {fault.Message}");
        }
    }

    // Where the last part of the key that is written stands for the first time, which is where somebody would look. The
    // number of an entry in a list is not written.
    private static string LineOf(string path, string key)
    {
        string[] lines = File.ReadAllLines(path);
        foreach (string part in key.Split(ConfigurationPath.KeyDelimiter).Reverse())
        {
            int index = Array.FindIndex(
                lines, line => line.Contains($"\"{part}\"", StringComparison.OrdinalIgnoreCase));
            if (index >= 0) return $", line {index + 1}";
        }

        return "";
    }
}
