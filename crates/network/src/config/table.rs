//! Which keys are built, and which systemd.network(5) and systemd.netdev(5) of systemd 257 know besides. What
//! is in neither list is unknown. docs/network.md has these tables, held to them by a test.

/// A section's keys, parted by blanks.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its name, without brackets.
    pub name: &'static str,
    /// Keys that do what the manual page says.
    pub built: &'static str,
    /// Keys that are warned of.
    pub not_built: &'static str,
}

/// Sections of `.network` files.
pub const NETWORK: [Section; 9] = [
    Section {
        name: "Match",
        built: "\
            MACAddress PermanentMACAddress Path Driver Type Kind Name Property Host Virtualization
            KernelCommandLine KernelVersion Architecture",
        not_built: "\
            WLANInterfaceType SSID BSSID Credential Firmware",
    },
    Section {
        name: "Link",
        built: "\
            MACAddress MTUBytes ARP Multicast AllMulticast Promiscuous Unmanaged ActivationPolicy
            RequiredForOnline RequiredFamilyForOnline",
        not_built: "\
            Group",
    },
    Section {
        name: "Network",
        built: "\
            Description DHCP Address Gateway DNS NTP Domains IPv6AcceptRA LinkLocalAddressing VLAN VXLAN
            MACVLAN Bridge Bond ConfigureWithoutCarrier IgnoreCarrierLoss KeepConfiguration
            DefaultRouteOnDevice IPForward IPv4Forwarding IPv6Forwarding IPv6PrivacyExtensions
            IPv6DuplicateAddressDetection IPv6HopLimit IPv6MTUBytes IPv4ReversePathFilter IPv6ProxyNDP
            IPv4ProxyARP IPv4ProxyARPPrivateVLAN IPv4AcceptLocal IPv4RouteLocalnet",
        not_built: "\
            BatmanAdvanced VRF IPoIB IPVLAN IPVTAP L2TP MACsec MACVTAP Tunnel Xfrm DHCPServer
            IPv6LinkLocalAddressGenerationMode IPv6StableSecretAddress IPv4LLStartAddress IPv4LLRoute LLDP
            EmitLLDP UseDomains DNSDefaultRoute LLMNR MulticastDNS DNSOverTLS DNSSEC DNSSECNegativeTrustAnchors
            IPMasquerade IPv6RetransmissionTimeSec ActiveSlave PrimarySlave IPv6ProxyNDPAddress
            MulticastIGMPVersion BindCarrier IPv6SendRA DHCPPrefixDelegation",
    },
    Section {
        name: "Address",
        built: "\
            Address Peer Broadcast Label PreferredLifetime Scope RouteMetric AddPrefixRoute
            DuplicateAddressDetection ManageTemporaryAddress",
        not_built: "\
            HomeAddress AutoJoin NetLabel NFTSet",
    },
    Section {
        name: "Route",
        built: "\
            Gateway GatewayOnLink Destination Source Metric PreferredSource Table Scope Type Protocol MTUBytes
            TCPAdvertisedMaximumSegmentSize HopLimit InitialCongestionWindow InitialAdvertisedReceiveWindow
            QuickAck",
        not_built: "\
            IPv6Preference MultiPathRoute NextHop TCPRetransmissionTimeoutSec TCPCongestionControlAlgorithm
            FastOpenNoCookie TTLPropagate",
    },
    Section {
        name: "RoutingPolicyRule",
        built: "\
            From To Table Priority FirewallMark IncomingInterface OutgoingInterface IPProtocol SourcePort
            DestinationPort User TypeOfService InvertRule SuppressPrefixLength SuppressInterfaceGroup Type
            Family",
        not_built: "\
            GoTo L3MasterDevice",
    },
    Section {
        name: "DHCPv4",
        built: "\
            UseDNS UseNTP UseDomains UseHostname UseRoutes UseGateway UseMTU RouteMetric RouteTable
            ClientIdentifier SendHostname Hostname VendorClassIdentifier RequestBroadcast",
        not_built: "\
            RequestAddress UseDNR RoutesToDNS RoutesToNTP UseSIP UseCaptivePortal QuickAck RequestOptions Anonymize Label
            MUDURL MaxAttempts UserClass IAID DUIDType DUIDRawData UseTimezone ListenPort ServerPort
            SendRelease SendDecline AllowList IPServiceType SocketPriority SendOption SendVendorOption
            RouteMTUBytes InitialCongestionWindow InitialAdvertisedReceiveWindow FallbackLeaseLifetimeSec
            Use6RD UnassignedSubnetPolicy IPv6OnlyMode NetLabel NFTSet RapidCommit",
    },
    Section {
        name: "DHCPv6",
        built: "\
            UseAddress UseDNS UseNTP UseDomains RapidCommit WithoutRA",
        not_built: "\
            UseDelegatedPrefix UseDNR UseHostname UseCaptivePortal MUDURL SendHostname Hostname RequestOptions
            UserClass VendorClass SendVendorOption PrefixDelegationHint UnassignedSubnetPolicy SendOption IAID
            DUIDType DUIDRawData NetLabel SendRelease NFTSet RouteMetric ForceDHCPv6PDOtherInformation",
    },
    Section {
        name: "IPv6AcceptRA",
        built: "\
            UseDNS UseDomains UseGateway UseMTU UseHopLimit UseAutonomousPrefix UseRoutePrefix RouteMetric
            DHCPv6Client",
        not_built: "\
            UseRedirect UseOnLinkPrefix UsePREF64 UseDNR UseReachableTime UseRetransmissionTime RouteTable
            QuickAck UseCaptivePortal RouterAllowList RouterDenyList PrefixAllowList PrefixDenyList
            RouteAllowList RouteDenyList Token NetLabel NFTSet UseICMP6RateLimit",
    },
];

/// Sections of `.netdev` files.
pub const NETDEV: [Section; 7] = [
    Section {
        name: "Match",
        built: "\
            Host Virtualization KernelCommandLine KernelVersion Architecture",
        not_built: "\
            Credential Firmware",
    },
    Section {
        name: "NetDev",
        built: "\
            Description Name Kind MTUBytes MACAddress",
        not_built: "",
    },
    Section {
        name: "VLAN",
        built: "\
            Id Protocol ReorderHeader GVRP MVRP LooseBinding",
        not_built: "\
            EgressQOSMaps IngressQOSMaps",
    },
    Section {
        name: "Bond",
        built: "\
            Mode TransmitHashPolicy LACPTransmitRate MIIMonitorSec UpDelaySec DownDelaySec
            LearnPacketIntervalSec AdSelect AdActorSystemPriority AdUserPortKey AdActorSystem FailOverMACPolicy
            ARPValidate ARPIntervalSec ARPIPTargets ARPAllTargets PrimaryReselectPolicy ResendIGMP
            PacketsPerSlave GratuitousARP AllSlavesActive DynamicTransmitLoadBalancing MinLinks ARPMissedMax
            PeerNotifyDelaySec",
        not_built: "",
    },
    Section {
        name: "Bridge",
        built: "\
            HelloTimeSec MaxAgeSec ForwardDelaySec AgeingTimeSec Priority GroupForwardMask DefaultPVID
            MulticastQuerier MulticastSnooping VLANFiltering VLANProtocol STP MulticastIGMPVersion",
        not_built: "\
            FDBMaxLearned",
    },
    Section {
        name: "VXLAN",
        built: "\
            VNI Remote Local Group TOS TTL MacLearning FDBAgeingSec MaximumFDBEntries ReduceARPProxy
            L2MissNotification L3MissNotification RouteShortCircuit UDPChecksum UDP6ZeroChecksumTx
            UDP6ZeroChecksumRx RemoteChecksumTx RemoteChecksumRx GroupPolicyExtension GenericProtocolExtension
            DestinationPort PortRange FlowLabel IPDoNotFragment Independent Id ARPProxy UDPCheckSum UDP6ZeroCheckSumRx UDP6ZeroCheckSumTx",
        not_built: "",
    },
    Section {
        name: "MACVLAN",
        built: "\
            Mode",
        not_built: "\
            SourceMACAddress BroadcastMulticastQueueLength BroadcastQueueThreshold",
    },
];

/// Sections that are known and not built.
pub const OTHER_SECTIONS: &str = "\
    BFIFO BandMultiQueueing BareUDP BatmanAdvanced Bridge BridgeFDB BridgeMDB BridgeVLAN CAKE CAN
    ClassfulMultiQueueing ControlledDelay DHCPPrefixDelegation DHCPServer DHCPServerStaticLease
    DeficitRoundRobinScheduler DeficitRoundRobinSchedulerClass EnhancedTransmissionSelection FairQueueing
    FairQueueingControlledDelay FlowQueuePIE FooOverUDP GENEVE GenericRandomEarlyDetection HeavyHitterFilter
    HierarchyTokenBucket HierarchyTokenBucketClass IPVLAN IPVTAP IPoIB IPv6AddressLabel IPv6PREF64Prefix
    IPv6Prefix IPv6RoutePrefix IPv6SendRA L2TP L2TPSession LLDP MACVTAP MACsec MACsecReceiveAssociation
    MACsecReceiveChannel MACsecTransmitAssociation Neighbor NetworkEmulator NextHop PFIFO PFIFOFast
    PFIFOHeadDrop PIE Peer QDisc QuickFairQueueing QuickFairQueueingClass SR-IOV StochasticFairBlue
    StochasticFairnessQueueing Tap TokenBucketFilter TrafficControlQueueingDiscipline TrivialLinkEqualizer Tun
    Tunnel VRF VXCAN WLAN WireGuard WireGuardPeer Xfrm";
