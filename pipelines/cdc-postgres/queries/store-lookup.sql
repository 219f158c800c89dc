-- One row by its full key. The key is explicit, so the canaries are looked up with it too.
SELECT store_id, sku_id, on_hand, version, event_id
FROM ice.${namespace}.inventory
WHERE store_id = $store AND sku_id = $sku AND NOT deleted;
