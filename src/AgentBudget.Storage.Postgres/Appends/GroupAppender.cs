using AgentBudget.Storage.Journal;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Appends;

/// <summary>A group on its way to its row: bytes of its own, so that nobody has to wait for an attempt that hangs.
/// </summary>
/// <param name="Tenant">The tenant's number.</param>
/// <param name="Epoch">The epoch to append under.</param>
/// <param name="Sequence">The group's number.</param>
/// <param name="FirstEvent">Its first event.</param>
/// <param name="Events">How many it has.</param>
/// <param name="PreviousHash">The hash before it.</param>
/// <param name="Hash">Its hash.</param>
/// <param name="Body">Header and events.</param>
internal sealed record GroupRow(
    long Tenant,
    long Epoch,
    long Sequence,
    long FirstEvent,
    int Events,
    byte[] PreviousHash,
    byte[] Hash,
    byte[] Body)
{
    public static GroupRow Of(long tenant, JournalGroup group)
    {
        byte[] previousHash = new byte[ChainHash.Length];
        byte[] hash = new byte[ChainHash.Length];
        group.PreviousHash.CopyTo(previousHash);
        group.Hash.CopyTo(hash);
        return new GroupRow(
            tenant, group.Epoch, group.Sequence, group.FirstEvent, group.Events, previousHash, hash,
            group.Body.ToArray());
    }
}

/// <summary>
/// Appends one group: one statement, committed by itself, one way there and back. No timeout of the command and no
/// cancellation, since either turns a commit that no standby has into one that looks well; a watchdog stops waiting
/// instead, and what it gave up on is found out under a new epoch.
/// </summary>
internal sealed partial class GroupAppender(NpgsqlDataSource source, Guid owner, TimeProvider time, ILogger logger)
{
    /// <summary>An append that is not answered by then will not be soon.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Attempts where the reason passes: within a second.</summary>
    private const int AttemptsMax = 8;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(5);

    // The fence, the end of the journal and the row are one statement. The lock on the tenant's row conflicts with the
    // update of a take-over: either that waits and then sees this row, or this one looks at the fence again and writes
    // nothing.
    private const string Append = """
        WITH fence AS MATERIALIZED (
          SELECT id FROM tenant WHERE id = $1 AND epoch = $2 AND owner_id = $3 FOR SHARE)
        INSERT INTO journal (tenant, seq, epoch, first_event, events, prev_hash, hash, body)
        SELECT f.id, $4, $2, $5, $6, $7, $8, $9
          FROM fence f
         WHERE EXISTS (SELECT FROM journal p
                        WHERE p.tenant = $1 AND p.seq = $4 - 1 AND p.hash = $7 AND p.first_event + p.events = $5)
            OR ($4 = 1 AND $5 = 1 AND $7 = decode(repeat('00', 32), 'hex'))
        ON CONFLICT DO NOTHING
        """;

    /// <summary>Never throws.</summary>
    public async Task<AppendOutcome> AppendAsync(GroupRow row)
    {
        TimeSpan pause = FirstPause;
        for (int attempt = 1; attempt <= AttemptsMax; attempt++)
        {
            switch (await TryAsync(row))
            {
                case AppendEnd.Written:
                    return AppendOutcome.Appended;
                case AppendEnd.NotWritten:
                    return AppendOutcome.FenceLost;
                case AppendEnd.NoSpace:
                    Log.NoSpace(logger);
                    return AppendOutcome.NoSpace;
                case AppendEnd.Unknown:
                    return AppendOutcome.Unknown;
                case AppendEnd.Again:
                    await Task.Delay(pause, time);
                    pause *= 2;
                    break;
            }
        }

        return AppendOutcome.Unknown;
    }

    private async Task<AppendEnd> TryAsync(GroupRow row)
    {
        try
        {
            return await RunAsync(row).WaitAsync(Patience, time);
        }
        catch (TimeoutException)
        {
            Log.GaveUp(logger, Patience.TotalSeconds);
            return AppendEnd.Unknown;
        }
    }

    // Goes on by itself when nobody waits for it any more.
    private async Task<AppendEnd> RunAsync(GroupRow row)
    {
        try
        {
            bool hasNotice = false;
            await using NpgsqlConnection connection = await source.OpenConnectionAsync();
            void Noticed(object sender, NpgsqlNoticeEventArgs notice)
            {
                hasNotice = true;
                Log.Noticed(logger, notice.Notice.SqlState, notice.Notice.MessageText);
            }

            connection.Notice += Noticed;
            try
            {
                await using NpgsqlCommand command = new(Append, connection)
                {
                    Parameters =
                    {
                        new NpgsqlParameter<long> { TypedValue = row.Tenant },
                        new NpgsqlParameter<long> { TypedValue = row.Epoch },
                        new NpgsqlParameter<Guid> { TypedValue = owner },
                        new NpgsqlParameter<long> { TypedValue = row.Sequence },
                        new NpgsqlParameter<long> { TypedValue = row.FirstEvent },
                        new NpgsqlParameter<int> { TypedValue = row.Events },
                        new NpgsqlParameter<byte[]> { TypedValue = row.PreviousHash },
                        new NpgsqlParameter<byte[]> { TypedValue = row.Hash },
                        new NpgsqlParameter<byte[]> { TypedValue = row.Body },
                    },
                };
                int rows = await command.ExecuteNonQueryAsync();
                return AppendEnds.Of(rows, hasNotice);
            }
            finally
            {
                connection.Notice -= Noticed;
            }
        }
        catch (Exception fault)
        {
            AppendEnd end = AppendEnds.Of(fault);
            if (end != AppendEnd.Unknown) return end;
            Log.Failed(logger, fault.Message);
            // The others that were kept may be as broken, and the next append would find it out one by one.
            if (fault is not ObjectDisposedException) source.Clear();
            return end;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2101, LogLevel.Warning, "The database has no space; a group was not written")]
        public static partial void NoSpace(ILogger logger);

        [LoggerMessage(2102, LogLevel.Warning,
            "An append was not answered within {Seconds} s; what became of it is read under a new epoch")]
        public static partial void GaveUp(ILogger logger, double seconds);

        [LoggerMessage(2103, LogLevel.Warning,
            "An append failed ({Message}); what became of it is read under a new epoch")]
        public static partial void Failed(ILogger logger, string message);

        [LoggerMessage(2104, LogLevel.Warning, "An append came with a notice ({State} {Message}): it is not counted")]
        public static partial void Noticed(ILogger logger, string state, string message);
    }
}
