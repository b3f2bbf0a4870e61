namespace AgentBudget.Storage.Tests.Broken;

/// <summary>Every rule of the kit, broken once. Each store breaks one and keeps all others as well as it can.</summary>
internal static partial class BrokenRules
{
    public static IReadOnlyList<BrokenRule> All { get; } =
        [.. Ownership(), .. Appends(), .. Answers(), .. Reads(), .. Snapshots(), .. Crashes()];
}
