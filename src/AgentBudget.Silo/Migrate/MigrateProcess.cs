using AgentBudget.Silo.Stores;
using AgentBudget.Storage;

namespace AgentBudget.Silo.Migrate;

/// <summary>Makes a shared store, or brings it up to this release, and ends.</summary>
internal static class MigrateProcess
{
    /// <summary>Answers 0 when the store is as this release needs it, 74 when it could not be made so.</summary>
    internal static async Task<int> RunAsync(SharedStoreModel store, TextWriter output, TextWriter errors)
    {
        try
        {
            (IReadOnlyList<string> steps, string then) = await store.MigrateAsync();
            foreach (string step in steps) await output.WriteLineAsync($"  {step}");
            if (steps.Count == 0) await output.WriteLineAsync("There was nothing to do.");
            await output.WriteLineAsync(then);
            return ExitCodes.Ok;
        }
        catch (StoreException fault)
        {
            await errors.WriteLineAsync(fault.Message);
            return ExitCodes.Storage;
        }
    }
}
