using System.Collections;
using Microsoft.Extensions.Configuration;

namespace AgentBudget.Silo.Options;

/// <summary>
/// What the user wrote, by key. What is on the command line wins over the environment, that over the file.
/// </summary>
internal static class SiloConfiguration
{
    /// <summary>Before a key in the environment: AGENTBUDGET_DATA, AGENTBUDGET_TLS__CERTIFICATE.</summary>
    internal const string EnvironmentPrefix = "AGENTBUDGET_";

    private const string EnvironmentDelimiter = "__";

    /// <summary>Puts the three together. Throws <see cref="OptionsException"/> for a key that is none.</summary>
    /// <param name="file">A JSON file, or null.</param>
    /// <param name="environment">Variables by name.</param>
    /// <param name="line">What the command line says, by key.</param>
    internal static IConfiguration Read(
        string? file,
        IReadOnlyDictionary<string, string> environment,
        IEnumerable<KeyValuePair<string, string?>> line) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(file is null ? [] : ConfigurationFile.Read(file, FaultOf))
            .AddInMemoryCollection(EnvironmentValues(environment))
            .AddInMemoryCollection(line)
            .Build();

    /// <summary>The variables of this process that have the prefix. One that is empty is how a shell unsets it for a
    /// command.</summary>
    internal static IReadOnlyDictionary<string, string> EnvironmentOfProcess() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(variable => ((string)variable.Key).StartsWith(EnvironmentPrefix, StringComparison.Ordinal)
                && variable.Value is string { Length: > 0 })
            .ToDictionary(variable => (string)variable.Key, variable => (string)variable.Value!);

    private static string? FaultOf(string key, string? value)
    {
        // The gateway's own section has lists and names of models in it, and is checked where it is bound.
        if (IsKey(key) || IsUnder(key, SiloModel.GatewaySection)) return null;
        string[] within = [.. SiloSetting.All.Select(setting => setting.Key).Where(known => IsUnder(known, key))];
        if (within.Length > 0)
            return value is null ? null : $"{key} holds keys of its own: {string.Join(", ", within)}.";
        return SiloSetting.All.FirstOrDefault(setting => IsUnder(key, setting.Key)) is { } single
            ? $"{single.Key} must be a single value."
            : $"{key} is not a key; the keys are {string.Join(", ", SiloSetting.All.Select(known => known.Key))}.";
    }

    private static bool IsKey(string key) =>
        SiloSetting.All.Any(setting => setting.Key.Equals(key, StringComparison.OrdinalIgnoreCase));

    private static bool IsUnder(string key, string above) =>
        key.StartsWith(above + ":", StringComparison.OrdinalIgnoreCase);

    // Variables with the prefix that are no keys are let be: an orchestrator sets some for a service of that name. One
    // that was meant as a key is not.
    private static IEnumerable<KeyValuePair<string, string?>> EnvironmentValues(
        IReadOnlyDictionary<string, string> environment)
    {
        foreach (string name in environment.Keys)
        {
            if (MisspeltBy(name) is { } sentence) throw new OptionsException(sentence);
        }

        foreach (SiloSetting setting in SiloSetting.All)
        {
            if (environment.TryGetValue(NameOf(setting), out string? value)) yield return new(setting.Key, value);
        }
    }

    private static string? MisspeltBy(string name)
    {
        if (SiloSetting.All.Any(setting => NameOf(setting) == name)) return null;
        string letters = Letters(name[EnvironmentPrefix.Length..]);
        SiloSetting? meant = SiloSetting.All.FirstOrDefault(
            setting => Letters(setting.Key) == letters || Letters(setting.Option) == letters);
        if (meant is not null) return $"{name} is not read; {NameOf(meant)} is.";
        return name.Contains(EnvironmentDelimiter, StringComparison.Ordinal)
            ? $"{name} is not read; the variables are {string.Join(", ", SiloSetting.All.Select(NameOf))}."
            : null;
    }

    private static string NameOf(SiloSetting setting) => EnvironmentPrefix
        + setting.Key.Replace(ConfigurationPath.KeyDelimiter, EnvironmentDelimiter, StringComparison.Ordinal)
            .ToUpperInvariant();

    private static string Letters(string text) => string.Concat(text.Where(char.IsLetter)).ToUpperInvariant();
}
