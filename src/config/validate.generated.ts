// @ts-nocheck
// Made by tools/build-validators.mjs from src/config/options.ts. Do not edit.
const kind_0 = validate_kind_10;
const schema_kind_11 = {"$id":"kind_0","type":"boolean"};

function validate_kind_10(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "boolean"){

return false;
}

return errors === 0;
}

const kind_1 = validate_kind_11;
const schema_kind_12 = {"$id":"kind_1","type":"integer","minimum":1,"maximum":65535};

function validate_kind_11(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){

return false;
}
if(errors === 0){
if((typeof data == "number") && (isFinite(data))){
if(data > 65535 || isNaN(data)){

return false;
}
else {
if(data < 1 || isNaN(data)){

return false;
}
}
}
}

return errors === 0;
}

const kind_2 = validate_kind_12;
const schema_kind_13 = {"$id":"kind_2","type":"string"};

function validate_kind_12(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){

return false;
}

return errors === 0;
}

const kind_3 = validate_kind_13;
const schema_kind_14 = {"$id":"kind_3","type":"integer","minimum":1,"maximum":131070};

function validate_kind_13(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){

return false;
}
if(errors === 0){
if((typeof data == "number") && (isFinite(data))){
if(data > 131070 || isNaN(data)){

return false;
}
else {
if(data < 1 || isNaN(data)){

return false;
}
}
}
}

return errors === 0;
}

const kind_4 = validate_kind_14;
const schema_kind_15 = {"$id":"kind_4","type":"integer","minimum":1,"maximum":86400};

function validate_kind_14(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){

return false;
}
if(errors === 0){
if((typeof data == "number") && (isFinite(data))){
if(data > 86400 || isNaN(data)){

return false;
}
else {
if(data < 1 || isNaN(data)){

return false;
}
}
}
}

return errors === 0;
}

const kind_5 = validate_kind_15;
const schema_kind_16 = {"$id":"kind_5","type":"integer","minimum":60,"maximum":31536000};

function validate_kind_15(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){

return false;
}
if(errors === 0){
if((typeof data == "number") && (isFinite(data))){
if(data > 31536000 || isNaN(data)){

return false;
}
else {
if(data < 60 || isNaN(data)){

return false;
}
}
}
}

return errors === 0;
}

const kind_6 = validate_kind_16;
const schema_kind_17 = {"$id":"kind_6","type":"string","enum":["high-ports","allow","deny"]};

function validate_kind_16(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){

return false;
}
if(!(((data === "high-ports") || (data === "allow")) || (data === "deny"))){

return false;
}

return errors === 0;
}

const kind_7 = validate_kind_17;
const schema_kind_18 = {"$id":"kind_7","type":"integer","minimum":0,"maximum":1000000};

function validate_kind_17(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){

return false;
}
if(errors === 0){
if((typeof data == "number") && (isFinite(data))){
if(data > 1000000 || isNaN(data)){

return false;
}
else {
if(data < 0 || isNaN(data)){

return false;
}
}
}
}

return errors === 0;
}

const kind_8 = validate_kind_18;
const schema_kind_19 = {"$id":"kind_8","type":"integer","enum":[1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288,1048576,2097152,4194304,8388608,16777216,33554432,67108864,134217728,268435456,536870912,1073741824,2147483648]};

function validate_kind_18(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){

return false;
}
if(!((((((((((((((((((((((((((((((((data === 1) || (data === 2)) || (data === 4)) || (data === 8)) || (data === 16)) || (data === 32)) || (data === 64)) || (data === 128)) || (data === 256)) || (data === 512)) || (data === 1024)) || (data === 2048)) || (data === 4096)) || (data === 8192)) || (data === 16384)) || (data === 32768)) || (data === 65536)) || (data === 131072)) || (data === 262144)) || (data === 524288)) || (data === 1048576)) || (data === 2097152)) || (data === 4194304)) || (data === 8388608)) || (data === 16777216)) || (data === 33554432)) || (data === 67108864)) || (data === 134217728)) || (data === 268435456)) || (data === 536870912)) || (data === 1073741824)) || (data === 2147483648))){

return false;
}

return errors === 0;
}

const kind_9 = validate_kind_19;
const schema_kind_20 = {"$id":"kind_9","type":"string","enum":["error","warning","info","debug"]};

function validate_kind_19(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){

return false;
}
if(!((((data === "error") || (data === "warning")) || (data === "info")) || (data === "debug"))){

return false;
}

return errors === 0;
}

const kind_10 = validate_kind_20;
const schema_kind_21 = {"$id":"kind_10","type":"string","pattern":"^(none|/[A-Za-z0-9_./+-]{1,200})$"};
const pattern_kind_0 = new RegExp("^(none|/[A-Za-z0-9_./+-]{1,200})$", "u");

function validate_kind_20(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(errors === 0){
if(typeof data === "string"){
if(!pattern_kind_0.test(data)){

return false;
}
}
else {

return false;
}
}

return errors === 0;
}

const kind_11 = validate_kind_21;
const schema_kind_22 = {"$id":"kind_11","type":"integer","minimum":0,"maximum":10080};

function validate_kind_21(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){

return false;
}
if(errors === 0){
if((typeof data == "number") && (isFinite(data))){
if(data > 10080 || isNaN(data)){

return false;
}
else {
if(data < 0 || isNaN(data)){

return false;
}
}
}
}

return errors === 0;
}

const kind_12 = validate_kind_22;
const schema_kind_23 = {"$id":"kind_12","type":"string","pattern":"^[A-Za-z0-9_.@+-]{1,64}$"};
const pattern_kind_1 = new RegExp("^[A-Za-z0-9_.@+-]{1,64}$", "u");

function validate_kind_22(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(errors === 0){
if(typeof data === "string"){
if(!pattern_kind_1.test(data)){

return false;
}
}
else {

return false;
}
}

return errors === 0;
}

const kind_13 = validate_kind_23;
const schema_kind_24 = {"$id":"kind_13","type":"string","enum":["internal","external"]};

function validate_kind_23(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){

return false;
}
if(!((data === "internal") || (data === "external"))){

return false;
}

return errors === 0;
}

const kind_14 = validate_kind_24;
const schema_kind_25 = {"$id":"kind_14","type":"array","minItems":1,"items":{"type":"string","enum":["upnp","nat-pmp"]}};

function validate_kind_24(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(errors === 0){
if(Array.isArray(data)){
if(data.length < 1){

return false;
}
else {
var valid0 = true;
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
let data0 = data[i0];
const _errs1 = errors;
if(typeof data0 !== "string"){

return false;
}
if(!((data0 === "upnp") || (data0 === "nat-pmp"))){

return false;
}
var valid0 = _errs1 === errors;
if(!valid0){
break;
}
}
}
}
else {

return false;
}
}

return errors === 0;
}

const kind_15 = validate_kind_25;
const schema_kind_26 = {"$id":"kind_15","type":"string","enum":["allow","deny"]};

function validate_kind_25(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){

return false;
}
if(!((data === "allow") || (data === "deny"))){

return false;
}

return errors === 0;
}

const kind_16 = validate_kind_26;
const schema_kind_27 = {"$id":"kind_16","type":"string","enum":["tcp","udp","both"]};

function validate_kind_26(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){

return false;
}
if(!(((data === "tcp") || (data === "udp")) || (data === "both"))){

return false;
}

return errors === 0;
}

const kind_17 = validate_kind_27;
const schema_kind_28 = {"$id":"kind_17","type":"object","properties":{"first":{"type":"integer","minimum":1,"maximum":65535},"last":{"type":"integer","minimum":1,"maximum":65535}},"required":["first","last"],"additionalProperties":false};

function validate_kind_27(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((data.first === undefined) && (missing0 = "first")) || ((data.last === undefined) && (missing0 = "last"))){

return false;
}
else {
const _errs1 = errors;
for(const key0 in data){
if(!((key0 === "first") || (key0 === "last"))){

return false;
break;
}
}
if(_errs1 === errors){
if(data.first !== undefined){
let data0 = data.first;
const _errs2 = errors;
if(!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))){

return false;
}
if(errors === _errs2){
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 > 65535 || isNaN(data0)){

return false;
}
else {
if(data0 < 1 || isNaN(data0)){

return false;
}
}
}
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.last !== undefined){
let data1 = data.last;
const _errs4 = errors;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){

return false;
}
if(errors === _errs4){
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 65535 || isNaN(data1)){

return false;
}
else {
if(data1 < 1 || isNaN(data1)){

return false;
}
}
}
}
var valid0 = _errs4 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
else {

return false;
}
}

return errors === 0;
}

const kind_18 = validate_kind_28;
const schema_kind_29 = {"$id":"kind_18","type":"object","properties":{"first":{"type":"string"},"last":{"type":"string"}}};

function validate_kind_28(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.first !== undefined){
const _errs1 = errors;
if(typeof data.first !== "string"){

return false;
}
var valid0 = _errs1 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.last !== undefined){
const _errs3 = errors;
if(typeof data.last !== "string"){

return false;
}
var valid0 = _errs3 === errors;
}
else {
var valid0 = true;
}
}
}
else {

return false;
}
}

return errors === 0;
}
const dump_netifd = validate_dump_10;
const schema_dump_11 = {"$id":"dump_netifd","type":"object","required":["interface"],"properties":{"interface":{"type":"array","items":{"type":"object","required":["interface","up"],"properties":{"interface":{"type":"string"},"up":{"type":"boolean"},"l3_device":{"type":"string"},"ipv4-address":{"type":"array","items":{"type":"object","required":["address","mask"],"properties":{"address":{"type":"string"},"mask":{"type":"integer","minimum":0,"maximum":128}}}},"route":{"type":"array","items":{"type":"object","required":["target","mask"],"properties":{"target":{"type":"string"},"mask":{"type":"integer","minimum":0,"maximum":128},"table":{"type":["integer","string"]}}}},"data":{"type":"object","properties":{"zone":{"type":"string"}}}}}}}};

function validate_dump_10(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((data.interface === undefined) && (missing0 = "interface")){
validate_dump_10.errors = [{instancePath,keyword:"required"}];
return false;
}
else {
if(data.interface !== undefined){
let data0 = data.interface;
const _errs1 = errors;
if(errors === _errs1){
if(Array.isArray(data0)){
var valid1 = true;
const len0 = data0.length;
for(let i0=0; i0<len0; i0++){
let data1 = data0[i0];
const _errs3 = errors;
if(errors === _errs3){
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
let missing1;
if(((data1.interface === undefined) && (missing1 = "interface")) || ((data1.up === undefined) && (missing1 = "up"))){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0,keyword:"required"}];
return false;
}
else {
if(data1.interface !== undefined){
const _errs5 = errors;
if(typeof data1.interface !== "string"){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/interface",keyword:"type"}];
return false;
}
var valid2 = _errs5 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.up !== undefined){
const _errs7 = errors;
if(typeof data1.up !== "boolean"){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/up",keyword:"type"}];
return false;
}
var valid2 = _errs7 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.l3_device !== undefined){
const _errs9 = errors;
if(typeof data1.l3_device !== "string"){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/l3_device",keyword:"type"}];
return false;
}
var valid2 = _errs9 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1["ipv4-address"] !== undefined){
let data5 = data1["ipv4-address"];
const _errs11 = errors;
if(errors === _errs11){
if(Array.isArray(data5)){
var valid3 = true;
const len1 = data5.length;
for(let i1=0; i1<len1; i1++){
let data6 = data5[i1];
const _errs13 = errors;
if(errors === _errs13){
if(data6 && typeof data6 == "object" && !Array.isArray(data6)){
let missing2;
if(((data6.address === undefined) && (missing2 = "address")) || ((data6.mask === undefined) && (missing2 = "mask"))){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/ipv4-address/" + i1,keyword:"required"}];
return false;
}
else {
if(data6.address !== undefined){
const _errs15 = errors;
if(typeof data6.address !== "string"){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/ipv4-address/" + i1+"/address",keyword:"type"}];
return false;
}
var valid4 = _errs15 === errors;
}
else {
var valid4 = true;
}
if(valid4){
if(data6.mask !== undefined){
let data8 = data6.mask;
const _errs17 = errors;
if(!(((typeof data8 == "number") && (!(data8 % 1) && !isNaN(data8))) && (isFinite(data8)))){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/ipv4-address/" + i1+"/mask",keyword:"type"}];
return false;
}
if(errors === _errs17){
if((typeof data8 == "number") && (isFinite(data8))){
if(data8 > 128 || isNaN(data8)){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/ipv4-address/" + i1+"/mask",keyword:"maximum"}];
return false;
}
else {
if(data8 < 0 || isNaN(data8)){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/ipv4-address/" + i1+"/mask",keyword:"minimum"}];
return false;
}
}
}
}
var valid4 = _errs17 === errors;
}
else {
var valid4 = true;
}
}
}
}
else {
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/ipv4-address/" + i1,keyword:"type"}];
return false;
}
}
var valid3 = _errs13 === errors;
if(!valid3){
break;
}
}
}
else {
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/ipv4-address",keyword:"type"}];
return false;
}
}
var valid2 = _errs11 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.route !== undefined){
let data9 = data1.route;
const _errs19 = errors;
if(errors === _errs19){
if(Array.isArray(data9)){
var valid5 = true;
const len2 = data9.length;
for(let i2=0; i2<len2; i2++){
let data10 = data9[i2];
const _errs21 = errors;
if(errors === _errs21){
if(data10 && typeof data10 == "object" && !Array.isArray(data10)){
let missing3;
if(((data10.target === undefined) && (missing3 = "target")) || ((data10.mask === undefined) && (missing3 = "mask"))){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/route/" + i2,keyword:"required"}];
return false;
}
else {
if(data10.target !== undefined){
const _errs23 = errors;
if(typeof data10.target !== "string"){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/route/" + i2+"/target",keyword:"type"}];
return false;
}
var valid6 = _errs23 === errors;
}
else {
var valid6 = true;
}
if(valid6){
if(data10.mask !== undefined){
let data12 = data10.mask;
const _errs25 = errors;
if(!(((typeof data12 == "number") && (!(data12 % 1) && !isNaN(data12))) && (isFinite(data12)))){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/route/" + i2+"/mask",keyword:"type"}];
return false;
}
if(errors === _errs25){
if((typeof data12 == "number") && (isFinite(data12))){
if(data12 > 128 || isNaN(data12)){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/route/" + i2+"/mask",keyword:"maximum"}];
return false;
}
else {
if(data12 < 0 || isNaN(data12)){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/route/" + i2+"/mask",keyword:"minimum"}];
return false;
}
}
}
}
var valid6 = _errs25 === errors;
}
else {
var valid6 = true;
}
if(valid6){
if(data10.table !== undefined){
let data13 = data10.table;
const _errs27 = errors;
if((!(((typeof data13 == "number") && (!(data13 % 1) && !isNaN(data13))) && (isFinite(data13)))) && (typeof data13 !== "string")){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/route/" + i2+"/table",keyword:"type"}];
return false;
}
var valid6 = _errs27 === errors;
}
else {
var valid6 = true;
}
}
}
}
}
else {
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/route/" + i2,keyword:"type"}];
return false;
}
}
var valid5 = _errs21 === errors;
if(!valid5){
break;
}
}
}
else {
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/route",keyword:"type"}];
return false;
}
}
var valid2 = _errs19 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.data !== undefined){
let data14 = data1.data;
const _errs29 = errors;
if(errors === _errs29){
if(data14 && typeof data14 == "object" && !Array.isArray(data14)){
if(data14.zone !== undefined){
if(typeof data14.zone !== "string"){
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/data/zone",keyword:"type"}];
return false;
}
}
}
else {
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0+"/data",keyword:"type"}];
return false;
}
}
var valid2 = _errs29 === errors;
}
else {
var valid2 = true;
}
}
}
}
}
}
}
}
else {
validate_dump_10.errors = [{instancePath:instancePath+"/interface/" + i0,keyword:"type"}];
return false;
}
}
var valid1 = _errs3 === errors;
if(!valid1){
break;
}
}
}
else {
validate_dump_10.errors = [{instancePath:instancePath+"/interface",keyword:"type"}];
return false;
}
}
}
}
}
else {
validate_dump_10.errors = [{instancePath,keyword:"type"}];
return false;
}
}
validate_dump_10.errors = vErrors;
return errors === 0;
}

/** By section and option: whether a value that was read is of the right type and in range. */
export const validators = {
  nat_pmp: { enabled: kind_0, allow_port_forwarding: kind_0 },
  upnp: { enabled: kind_0, allow_disable_external_interface: kind_0, allow_disable_internal_interface: kind_0, show_dummy_rule: kind_0, show_all_mappings: kind_0, nat_traversal: kind_0, http_port: kind_1, friendly_name: kind_2, model_name: kind_2, serial_number: kind_2, presentation_url: kind_2 },
  limits: { per_host: kind_3, total: kind_3, min_lease: kind_4, max_lease: kind_5, default_action: kind_6, requests_per_second: kind_7 },
  system: { mark: kind_8, log_level: kind_9, lease_file: kind_10, lease_file_interval: kind_11 },
  interface: { interface: kind_12, type: kind_13, service: kind_14, forced_ip: kind_2, disabled: kind_0 },
  permission: { action: kind_15, interface: kind_12, protocol: kind_16, dst_port: kind_17, internal_port: kind_17, internal_address: kind_18, mac: kind_2, service: kind_14, comment: kind_2, disabled: kind_0 },
  mapping: { protocol: kind_16, external_port: kind_1, internal_address: kind_2, internal_port: kind_1, comment: kind_2, disabled: kind_0 },
}

/** What `ubus call network.interface dump` prints; what is wrong stands in its member `errors`. */
export const validateNetifd = dump_netifd

/** What this file was made from; a test compares it with the table. */
export const madeFrom = "{\"options\":{\"nat_pmp\":{\"enabled\":{\"type\":\"boolean\"},\"allow_port_forwarding\":{\"type\":\"boolean\"}},\"upnp\":{\"enabled\":{\"type\":\"boolean\"},\"allow_disable_external_interface\":{\"type\":\"boolean\"},\"allow_disable_internal_interface\":{\"type\":\"boolean\"},\"show_dummy_rule\":{\"type\":\"boolean\"},\"show_all_mappings\":{\"type\":\"boolean\"},\"nat_traversal\":{\"type\":\"boolean\"},\"http_port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"friendly_name\":{\"type\":\"string\"},\"model_name\":{\"type\":\"string\"},\"serial_number\":{\"type\":\"string\"},\"presentation_url\":{\"type\":\"string\"}},\"limits\":{\"per_host\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":131070},\"total\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":131070},\"min_lease\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":86400},\"max_lease\":{\"type\":\"integer\",\"minimum\":60,\"maximum\":31536000},\"default_action\":{\"type\":\"string\",\"enum\":[\"high-ports\",\"allow\",\"deny\"]},\"requests_per_second\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000}},\"system\":{\"mark\":{\"type\":\"integer\",\"enum\":[1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288,1048576,2097152,4194304,8388608,16777216,33554432,67108864,134217728,268435456,536870912,1073741824,2147483648]},\"log_level\":{\"type\":\"string\",\"enum\":[\"error\",\"warning\",\"info\",\"debug\"]},\"lease_file\":{\"type\":\"string\",\"pattern\":\"^(none|/[A-Za-z0-9_./+-]{1,200})$\"},\"lease_file_interval\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":10080}},\"interface\":{\"interface\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.@+-]{1,64}$\"},\"type\":{\"type\":\"string\",\"enum\":[\"internal\",\"external\"]},\"service\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\",\"enum\":[\"upnp\",\"nat-pmp\"]}},\"forced_ip\":{\"type\":\"string\"},\"disabled\":{\"type\":\"boolean\"}},\"permission\":{\"action\":{\"type\":\"string\",\"enum\":[\"allow\",\"deny\"]},\"interface\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.@+-]{1,64}$\"},\"protocol\":{\"type\":\"string\",\"enum\":[\"tcp\",\"udp\",\"both\"]},\"dst_port\":{\"type\":\"object\",\"properties\":{\"first\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"last\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}},\"required\":[\"first\",\"last\"],\"additionalProperties\":false},\"internal_port\":{\"type\":\"object\",\"properties\":{\"first\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"last\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}},\"required\":[\"first\",\"last\"],\"additionalProperties\":false},\"internal_address\":{\"type\":\"object\",\"properties\":{\"first\":{\"type\":\"string\"},\"last\":{\"type\":\"string\"}}},\"mac\":{\"type\":\"string\"},\"service\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\",\"enum\":[\"upnp\",\"nat-pmp\"]}},\"comment\":{\"type\":\"string\"},\"disabled\":{\"type\":\"boolean\"}},\"mapping\":{\"protocol\":{\"type\":\"string\",\"enum\":[\"tcp\",\"udp\",\"both\"]},\"external_port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"internal_address\":{\"type\":\"string\"},\"internal_port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"comment\":{\"type\":\"string\"},\"disabled\":{\"type\":\"boolean\"}}},\"netifd\":{\"type\":\"object\",\"required\":[\"interface\"],\"properties\":{\"interface\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"interface\",\"up\"],\"properties\":{\"interface\":{\"type\":\"string\"},\"up\":{\"type\":\"boolean\"},\"l3_device\":{\"type\":\"string\"},\"ipv4-address\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"address\",\"mask\"],\"properties\":{\"address\":{\"type\":\"string\"},\"mask\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":128}}}},\"route\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"target\",\"mask\"],\"properties\":{\"target\":{\"type\":\"string\"},\"mask\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":128},\"table\":{\"type\":[\"integer\",\"string\"]}}}},\"data\":{\"type\":\"object\",\"properties\":{\"zone\":{\"type\":\"string\"}}}}}}}}}"
