using System.Text.Json;
using Google.Protobuf.Collections;

namespace AgentBudget.Reporting;

/// <summary>Business tags as one text, the same for the same tags: JSON by rising names; empty for none.</summary>
internal static class TagText
{
    /// <summary>The tags of a session with those of one of its calls over them.</summary>
    public static string Of(string session, MapField<string, string>? call)
    {
        if (call is null || call.Count == 0) return session;
        SortedDictionary<string, string> tags = Read(session);
        foreach (KeyValuePair<string, string> tag in call) tags[tag.Key] = tag.Value;
        return JsonSerializer.Serialize(tags);
    }

    /// <summary>The value of a tag; empty where it is not there.</summary>
    public static string ValueOf(string tags, string name) => Read(tags).GetValueOrDefault(name, "");

    /// <summary>All tags by name.</summary>
    public static SortedDictionary<string, string> Read(string tags)
    {
        var read = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (tags.Length == 0) return read;
        foreach (JsonProperty tag in JsonDocument.Parse(tags).RootElement.EnumerateObject())
            read[tag.Name] = tag.Value.GetString() ?? "";
        return read;
    }
}
