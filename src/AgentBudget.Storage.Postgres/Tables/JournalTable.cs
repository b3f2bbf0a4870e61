using AgentBudget.Storage.Journal;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Tables;

/// <summary>The journal's rows, to be read: one a group.</summary>
internal sealed class JournalTable(NpgsqlDataSource source, TenantTable tenants)
{
    private const int RowsAtOnce = 512; // A page has some hundred groups of a busy tenant.

    private const string Head = """
        SELECT seq, epoch, first_event + events - 1, hash FROM journal WHERE tenant = $1 ORDER BY seq DESC LIMIT 1
        """;

    private const string FindGroup = "SELECT find_group($1, $2)";

    // The rows whose bodies fit, and the first in any case if it is asked for. Lengths are known without reading
    // bodies.
    private const string Read = """
        SELECT seq, epoch, first_event, events, prev_hash, hash, body
          FROM (SELECT *, sum(octet_length(body)) OVER (ORDER BY seq) AS bytes
                  FROM (SELECT * FROM journal WHERE tenant = $1 AND seq >= $2 ORDER BY seq LIMIT $3) near) summed
         WHERE bytes <= $4 OR ($5 AND bytes = octet_length(body))
         ORDER BY seq
        """;

    public async ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken)
    {
        long number = await tenants.NumberOfAsync(tenant, cancellationToken);
        if (number == 0) return JournalHead.Empty;
        await using NpgsqlCommand command = source.CreateCommand(Head).With(number);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new JournalHead(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.Hash(3))
            : JournalHead.Empty;
    }

    public async ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken)
    {
        List<StoredGroup> page = [];
        long number = await tenants.NumberOfAsync(tenant, cancellationToken);
        if (number == 0) return page;
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        await using NpgsqlCommand find = new NpgsqlCommand(FindGroup, connection).With(number).With(fromEvent);
        long next = (long)(await find.ExecuteScalarAsync(cancellationToken))!;
        long bytesLeft = bytesMax;
        while (true)
        {
            int before = page.Count;
            await using NpgsqlCommand read = new NpgsqlCommand(Read, connection)
                .With(number).With(next).With(RowsAtOnce).With(bytesLeft).With(page.Count == 0);
            await using NpgsqlDataReader reader = await read.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                page.Add(new StoredGroup(
                    reader.GetInt64(0),
                    reader.GetInt64(1),
                    reader.GetInt64(2),
                    reader.GetInt32(3),
                    reader.Hash(4),
                    reader.Hash(5),
                    reader.GetFieldValue<byte[]>(6)));
                bytesLeft -= page[^1].Body.Length;
            }

            if (page.Count - before < RowsAtOnce || bytesLeft <= 0) return page;
            next = page[^1].Sequence + 1;
        }
    }
}
