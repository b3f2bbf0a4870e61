using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Cli.Output;

/// <summary>A grid that stands for no message, as an array of objects.</summary>
internal static class GridJson
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static string TextOf(Grid grid)
    {
        JsonArray rows = [];
        foreach (GridCell[] row in grid.Rows)
        {
            JsonObject members = [];
            for (int index = 0; index < row.Length; index++)
                members[grid.Columns[index].Name] = row[index].Csv ?? row[index].Text;
            rows.Add((JsonNode)members);
        }

        return rows.ToJsonString(Indented);
    }
}
