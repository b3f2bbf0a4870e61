using System.Globalization;
using AgentBudget.Protocol.V1;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Runs;

/// <summary>One run as a tree of its sessions, with what each cost and for what.</summary>
internal sealed class RunCosts(SqliteConnection connection, TenantSums sums, string run)
{
    private const int NodesMax = 5_000; // As the contract says; the answer stays one message.

    // Rows that are read, more than any answer holds; also how deep a tree is at most.
    private static readonly string SelectLines = string.Create(CultureInfo.InvariantCulture, $"""
        SELECT session, model, tool, sku, tags, max(agent), max(use_case), max(business_unit),
          sum(cost), sum(cost_high), sum(tokens), sum(calls), sum(refused)
        FROM spend JOIN item ON item.id = spend.item WHERE tenant = $tenant AND run = $run
        GROUP BY session, model, tool, sku, tags LIMIT {Aggregator.RowsMax + 1}
        """);

    private static readonly string SelectChildren = string.Create(CultureInfo.InvariantCulture, $"""
        SELECT session, parent, agent, use_case, business_unit FROM child WHERE tenant = $tenant AND run = $run
        ORDER BY opened LIMIT {Aggregator.RowsMax + 1}
        """);

    private readonly Dictionary<string, Node> _nodes = new(StringComparer.Ordinal);

    /// <summary>Null where nothing is known of the run.</summary>
    public GetRunCostsResponse? Run()
    {
        Read(SelectChildren, AddChild);
        Read(SelectLines, AddLine);
        if (_nodes.Count == 0) return null;
        Node root = NodeOf(run);
        Link(root);
        SumWhole(root);
        var response = new GetRunCostsResponse
        {
            Total = ReportTerms.ToMoney(root.WholeNanos, sums.Currency),
            Sequence = sums.Position,
            AsOf = sums.Time,
        };
        // On a stack of its own: how deep a run is, callers decide.
        var waiting = new Stack<(Node Node, int Depth)>([(root, 0)]);
        while (response.Nodes.Count < NodesMax && waiting.TryPop(out (Node Node, int Depth) next))
        {
            response.Nodes.Add(Finish(next.Node, next.Depth));
            IEnumerable<Node> falling = next.Node.Children.OrderBy(child => child.WholeNanos)
                .ThenByDescending(child => child.Message.Session, StringComparer.Ordinal);
            foreach (Node child in falling) waiting.Push((child, next.Depth + 1));
        }

        response.NodesLeft = _nodes.Count - response.Nodes.Count;
        return response;
    }

    private void AddChild(SqliteDataReader row)
    {
        RunCostNode child = NodeOf(row.GetString(0)).Message;
        child.Parent = row.GetString(1);
        (child.Agent, child.UseCase, child.BusinessUnit) = (row.GetString(2), row.GetString(3), row.GetString(4));
    }

    private void AddLine(SqliteDataReader row)
    {
        Node node = NodeOf(row.GetString(0));
        if (node.Message.Agent.Length == 0)
        {
            (node.Message.Agent, node.Message.UseCase, node.Message.BusinessUnit) =
                (row.GetString(5), row.GetString(6), row.GetString(7));
        }

        Int128 nanos = row.Wide(8, 9);
        var line = new RunCostLine
        {
            Model = row.GetString(1),
            Tool = row.GetString(2),
            Sku = row.GetString(3),
            Cost = ReportTerms.ToMoney(nanos, sums.Currency),
            Tokens = row.Number(10),
            Calls = row.Number(11),
            Refused = row.Number(12),
        };
        foreach ((string name, string value) in TagText.Read(row.GetString(4))) line.Tags.Add(name, value);
        node.OwnNanos += nanos;
        node.Lines.Add((nanos, line));
    }

    // A session whose opener is not known, which former releases did not tell, is the root's.
    private void Link(Node root)
    {
        foreach (Node node in _nodes.Values)
        {
            if (node == root) continue;
            if (!_nodes.TryGetValue(node.Message.Parent, out Node? parent)) parent = root;
            node.Message.Parent = parent.Message.Session;
            parent.Children.Add(node);
        }
    }

    // Leaves first: each node after all that are below it.
    private static void SumWhole(Node root)
    {
        List<Node> above = [root];
        for (int i = 0; i < above.Count; i++) above.AddRange(above[i].Children);
        for (int i = above.Count - 1; i >= 0; i--)
        {
            above[i].WholeNanos = above[i].OwnNanos;
            foreach (Node child in above[i].Children) above[i].WholeNanos += child.WholeNanos;
        }
    }

    private RunCostNode Finish(Node node, int depth)
    {
        node.Message.Depth = depth;
        node.Message.Own = ReportTerms.ToMoney(node.OwnNanos, sums.Currency);
        node.Message.Whole = ReportTerms.ToMoney(node.WholeNanos, sums.Currency);
        node.Message.Lines.Add(node.Lines.OrderByDescending(line => line.Nanos).Select(line => line.Line));
        return node.Message;
    }

    private Node NodeOf(string session)
    {
        if (_nodes.TryGetValue(session, out Node? node)) return node;
        node = new Node(new RunCostNode { Session = session });
        _nodes.Add(session, node);
        return node;
    }

    private void Read(string sql, Action<SqliteDataReader> take)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Every text is a constant above; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Parameters.AddWithValue("$tenant", sums.Tenant);
        command.Parameters.AddWithValue("$run", run);
        using SqliteDataReader reader = command.ExecuteReader();
        for (int count = 0; reader.Read(); count++)
        {
            if (count == Aggregator.RowsMax) throw ReportTerms.TooManyRows();
            take(reader);
        }
    }

    private sealed class Node(RunCostNode message)
    {
        public RunCostNode Message { get; } = message;

        public List<Node> Children { get; } = [];

        public List<(Int128 Nanos, RunCostLine Line)> Lines { get; } = [];

        public Int128 OwnNanos { get; set; }

        public Int128 WholeNanos { get; set; }
    }
}
