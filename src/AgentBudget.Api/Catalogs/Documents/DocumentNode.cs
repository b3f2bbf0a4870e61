namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>A node of a parsed document and the line it starts on, counted from 1.</summary>
internal abstract record DocumentNode(int Line);

/// <summary>A single value, as written.</summary>
internal sealed record ScalarNode(string Text, bool IsQuoted, int Line) : DocumentNode(Line);

/// <summary>Values in order.</summary>
internal sealed record ListNode(IReadOnlyList<DocumentNode> Items, int Line) : DocumentNode(Line);

/// <summary>Values by key, in order; a repeated key is there repeatedly.</summary>
internal sealed record MapNode(IReadOnlyList<MapEntry> Entries, int Line) : DocumentNode(Line);

/// <summary>One key and its value.</summary>
internal sealed record MapEntry(string Key, int Line, DocumentNode Value);
