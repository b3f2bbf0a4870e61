using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace AgentBudget.Cluster.Tests.Network;

/// <summary>What happens to packets on their way from one place to another.</summary>
/// <param name="IsCut">None arrives.</param>
/// <param name="LossPercent">So many of a hundred do not.</param>
/// <param name="Delay">They arrive as much later.</param>
internal sealed record Way(bool IsCut = false, int LossPercent = 0, TimeSpan Delay = default)
{
    public static Way Whole { get; } = new();

    public static Way Cut { get; } = new(IsCut: true);
}

/// <summary>
/// Carries packets between namespaces, each of which has one device that leads here. Connections on it are those of the
/// kernel, with its repetitions and its patience; nothing of them reaches the machine's own network.
/// </summary>
internal sealed class Wire : IDisposable
{
    private const int PacketLengthMax = 65_536;
    private const int PacketsWaitingMax = 100_000;
    private const int AddressAt = 16; // An IPv4 header's destination.
    private const int HeaderLength = 20;
    private const int Version4 = 4;

    private readonly List<SafeFileHandle> _devices = [];
    private readonly ConcurrentDictionary<(int From, int To), Way> _ways = new();
    private readonly BlockingCollection<(long Due, int To, byte[] Packet)> _late = new(PacketsWaitingMax);
    private readonly PriorityQueue<(int To, byte[] Packet), (long Due, long Number)> _order = new();
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly int _seed;
    private long _lost;

    public Wire(int seed)
    {
        _seed = seed;
        Start(DeliverLate, "late packets");
    }

    /// <summary>Packets that were not delivered, on purpose.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>The address of a place.</summary>
    public static string AddressOf(int place) => $"10.222.0.{place + 1}";

    /// <summary>Connects a namespace; answers its place.</summary>
    public async Task<int> ConnectAsync(NetNamespace to)
    {
        int place = _devices.Count;
        string name = $"{to.Name[..Math.Min(to.Name.Length, 12)]}{place}";
        SafeFileHandle device = NativeNetwork.OpenDevice(name);
        _devices.Add(device);
        await to.TakeAsync(name, AddressOf(place) + "/24");
        Start(() => Carry(place, device, new Random(_seed + place)), name);
        return place;
    }

    /// <summary>From now on packets of that way fare so.</summary>
    public void Set(int from, int to, Way way) => _ways[(from, to)] = way;

    /// <summary>Both ways between two places.</summary>
    public void SetBoth(int one, int other, Way way)
    {
        Set(one, other, way);
        Set(other, one, way);
    }

    /// <summary>From now on everything arrives.</summary>
    public void Mend() => _ways.Clear();

    public void Dispose()
    {
        _late.CompleteAdding();
        foreach (SafeFileHandle device in _devices) device.Dispose();
    }

    // Reads block, and end with the device.
    private void Carry(int from, SafeFileHandle device, Random random)
    {
        byte[] buffer = new byte[PacketLengthMax];
        while (!device.IsClosed && NativeNetwork.Read(device, buffer) is > 0 and int length)
        {
            if (length < HeaderLength || buffer[0] >> 4 != Version4) continue;
            int to = buffer[AddressAt + 3] - 1;
            if (to < 0 || to >= _devices.Count) continue;
            Way way = _ways.GetValueOrDefault((from, to), Way.Whole);
            if (way.IsCut || random.Next(100) < way.LossPercent)
            {
                Interlocked.Increment(ref _lost);
                continue;
            }

            byte[] packet = buffer[..length];
            if (way.Delay == TimeSpan.Zero) NativeNetwork.Write(_devices[to], packet);
            else _late.TryAdd((_time.GetTimestamp() + Ticks(way.Delay), to, packet));
        }
    }

    private void DeliverLate()
    {
        long number = 0;
        while (!_late.IsCompleted)
        {
            long wait = _order.TryPeek(out _, out (long Due, long Number) next)
                ? Math.Max(0, next.Due - _time.GetTimestamp())
                : Ticks(TimeSpan.FromSeconds(1));
            int milliseconds = (int)(wait * 1000 / _time.TimestampFrequency);
            if (_late.TryTake(out (long Due, int To, byte[] Packet) late, milliseconds))
                _order.Enqueue((late.To, late.Packet), (late.Due, number++));
            while (_order.TryPeek(out (int To, byte[] Packet) due, out next) && next.Due <= _time.GetTimestamp())
            {
                _order.Dequeue();
                if (!_late.IsAddingCompleted) NativeNetwork.Write(_devices[due.To], due.Packet);
            }
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * _time.TimestampFrequency);

    private static void Start(ThreadStart run, string name) =>
        new Thread(run) { IsBackground = true, Name = name }.Start();
}
